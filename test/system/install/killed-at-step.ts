/** Kills a node's program before its nth change of a name (rename, link, removal), or before the change of a certain name. */
import { until } from "@ocir-broker/testkit/until";
import type { OkeNode } from "./oke-node.ts";

/** Precedes the real ones on every PATH of ours. */
const WRAPPED = ["mv", "ln", "rm"] as const;
const wrapper = (program: string) => `#!/bin/sh
if [ -s /run/killed-at/unit ]; then
  step=$(($(cat /run/killed-at/step) + 1))
  echo $step >/run/killed-at/step
  last=$(cat /run/killed-at/last)
  case " $step  $* " in *" $last "*)
    systemctl kill --signal=KILL "$(cat /run/killed-at/unit)"
    sleep 60 ;;
  esac
fi
exec /usr/bin/${program} "$@"
`;

let runs = 0;

/**
 * @param step the change's number, or the name.
 * @returns the number of changes made; less than `step` if the program ended before.
 */
export async function runKilledAt(
  { root }: OkeNode,
  step: number | string,
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  for (const program of WRAPPED) root.write(`/usr/sbin/${program}`, wrapper(program), 0o755);
  runs += 1;
  const unit = `killed-${runs}.service`;
  const variables = Object.entries(env).map(([name, value]) => `--setenv=${name}=${value}`);
  for (const [name, value] of Object.entries({ step: 0, last: step, unit })) {
    root.write(`/run/killed-at/${name}`, `${value}\n`);
  }
  await root.run("systemd-run", ["--quiet", "--collect", "--unit", unit, ...variables, ...command]);
  await until("it has ended", async () => (await root.exec("systemctl", ["is-active", unit])).exitCode !== 0);
  const made = Number(await root.run("cat", ["/run/killed-at/step"]));
  await root.run("sh", ["-c", `/usr/bin/rm -r /run/killed-at; cd /usr/sbin && /usr/bin/rm ${WRAPPED.join(" ")}`]);
  return made;
}
