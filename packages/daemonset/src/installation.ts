/**
 * The installation on the node around the container: runs the image's ocir-broker-node.sh with a time limit, and remembers in a
 * file on the node that the image's version is installed.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { type KubeletNeed, parseKubeletNeed } from "./kubelet-need.ts";
import { KUBELET_STATES, type KubeletState } from "./node-state.ts";

const run = promisify(execFile);
/** In a folder that an uninstallation removes. */
const INSTALLED = "/usr/libexec/ocir-broker/daemonset-installed";
/** The off switch of a node: packages/installer/setup.sh. */
const DISABLED = "/etc/ocir-broker/disabled";
const PLUGIN = "/usr/local/bin/credential-provider-oke";
const BROKER = "/usr/local/bin/ocir-broker";
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** For a program that only prints something. */
const QUICK_MS = 20_000;
/** Exit statuses of timeout(1). */
const TIMED_OUT = [124, 137];
const ERROR = /^ocir-broker-node: ERROR: (?:everything is as it was before: )?(.*)/;
const MARK = "OCIR_BROKER_TURN";

export type InstallResult =
  | { readonly ok: true; readonly kubelet: KubeletNeed }
  | { readonly ok: false; readonly reason: string };

export type Installation = ReturnType<typeof createInstallation>;

interface InstallationOptions {
  /** Path of the image's files. */
  readonly image: string;
  readonly leaseSeconds: number;
  /** OCIR_BROKER_SERVICE_ACCOUNTS of the script. */
  readonly serviceAccounts: string | undefined;
  /** Settings whose change makes a finished installation unfinished. */
  readonly settings: string;
  say(line: string): void;
}

export function createInstallation(options: InstallationOptions) {
  const { image, leaseSeconds, serviceAccounts = "", settings, say } = options;
  const folder = `${image}/ocir-broker`;
  const [sum = "", archive = ""] = readFileSync(`${folder}/SHA256SUMS`, "utf8").trim().split(/\s+/);
  const version = archive.replace(/^.*ocir-broker-/, "").replace(/-linux-.*$/, "");
  const needFile = `${image}/status/kubelet-need`;
  const mark = `${sum} ${settings}\n`;

  return {
    version,
    /** Whether an administrator has switched ocir-broker off on this node. */
    isDisabled: () => existsSync(DISABLED),
    /** The state in which an earlier pod has left the kubelet, if it has finished with this image and these settings. */
    async completed(): Promise<KubeletState | undefined> {
      try {
        const text = readFileSync(INSTALLED, "utf8");
        accessSync(PLUGIN, constants.X_OK);
        const { stdout } = await run(BROKER, ["--version"], { timeout: QUICK_MS });
        return stdout.trim() === version ? KUBELET_STATES.find((state) => text === mark + state) : undefined;
      } catch {
        return undefined;
      }
    },
    /** Never rejects for an error of the installation. */
    async install(): Promise<InstallResult> {
      // An installation always ends before another node may take the Lease.
      const limitSeconds = Math.floor((leaseSeconds * 2) / 3);
      writeFileSync(needFile, "");
      const { status, error } = await runScript(
        ["-k", String(Math.floor(leaseSeconds / 10)), String(limitSeconds), "sh", `${folder}/ocir-broker-node.sh`],
        {
          PATH,
          OCIR_BROKER_BOOTSTRAP: "running",
          OCIR_BROKER_VERSION: version,
          OCIR_BROKER_SOURCES: folder,
          OCIR_BROKER_SHA256_AMD64: sum,
          OCIR_BROKER_SHA256_ARM64: sum,
          OCIR_BROKER_KUBELET_NEED: needFile,
          OCIR_BROKER_SERVICE_ACCOUNTS: serviceAccounts,
          [MARK]: String(process.pid),
        },
        say,
      );
      if (status === 0) return { ok: true, kubelet: parseKubeletNeed(readFileSync(needFile, "utf8")) };
      if (!TIMED_OUT.includes(status))
        return { ok: false, reason: error ?? `ocir-broker-node.sh ended with ${status}` };
      await killRest();
      return { ok: false, reason: `the installation took longer than ${limitSeconds} s and was ended` };
    },
    // Without this file, the next pod installs again.
    complete: (kubelet: KubeletState) => writeFileSync(INSTALLED, mark + kubelet),
  };
}

async function runScript(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  say: (line: string) => void,
): Promise<{ status: number; error: string | undefined }> {
  const child = spawn("timeout", args, { env: { ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let error: string | undefined;
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on("line", (line) => {
      say(line);
      // A reason may have several lines.
      if (error !== undefined && !line.startsWith("ocir-broker-node: ")) error = `${error} ${line.trim()}`;
      error = ERROR.exec(line)?.[1] ?? error;
    });
  }
  const [status] = await once(child, "close");
  return { status: status ?? TIMED_OUT[1], error };
}

/** The children of a killed script continue, with the lock that the next installation waits for. */
async function killRest(): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const files = globSync("/proc/[0-9]*/environ");
    // A process of another user can block those who read from it, so another program reads.
    const args = ["-lszFx", `${MARK}=${process.pid}`, ...files];
    const found = await run("grep", args, { timeout: QUICK_MS }).catch(({ stdout }) => ({ stdout }));
    const pids = String(found.stdout ?? "").match(/\d+/g) ?? [];
    if (pids.length === 0) return;
    for (const pid of pids) killIfThere(Number(pid));
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
