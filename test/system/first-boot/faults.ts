/** Errors of a first boot's installation, for a room. */
interface Fault {
  readonly arrange?: string;
  readonly code?: string;
  /** The script's time limit of the call that hangs. */
  readonly limitS?: number;
}

/** Ends the script, and not what it runs, while its installer works. */
const SIGTERM = `(until [ -e /run/hangs ]; do sleep 0.02; done; kill -TERM $(ps -o ppid= -p $(pgrep -xo timeout))) &`;

/** Of each set-up: what no rule of the script's own can prevent. */
export const ALWAYS = ["no source", "a wrong checksum", "a program that is killed before its step 3", "SIGTERM"];

export const behaviour = (what: string): string => `echo ${what} >/etc/behaviour`;
export const FAULTS: Readonly<Record<string, Fault>> = {
  nothing: {},
  "no source": { arrange: "rm -f /opt/ocir-broker/*", code: "download" },
  "a FIFO as the archive": {
    arrange: "for file in /opt/ocir-broker/*.gz; do rm $file; mkfifo $file; done",
    code: "download",
  },
  "a wrong checksum": { arrange: "echo | tee -a /opt/ocir-broker/*.gz >/dev/null", code: "checksum" },
  "a program that does not start": { arrange: behaviour("does-not-start"), code: "install" },
  "a program that fails": { arrange: behaviour("fails"), code: "connect" },
  "a program that hangs before its 4th step": { arrange: behaviour("hangs-4"), code: "killed", limitS: 420 },
  SIGTERM: { arrange: `${behaviour("hangs-3")}\n${SIGTERM}`, code: "killed" },
  "a program that hangs when it should print its version": { arrange: behaviour("hangs-at-version"), limitS: 20 },
  ...Object.fromEntries(
    [1, 2, 3, 4].map((step) => [
      `a program that is killed before its step ${step}`,
      { arrange: behaviour(`killed-${step}`), code: "killed" },
    ]),
  ),
};
