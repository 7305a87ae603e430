/**
 * Disturbs a daemon in quick succession while pods pull: kills, stops and reloads it, and replaces the product with an older
 * version and back.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { makeArchives } from "../system/install/archives.ts";
import type { SystemdRoot } from "../system/systemd-root/systemd-root.ts";

const DAEMON = "ocir-broker.service";
const CONFIG = "/etc/ocir-broker/config.yaml";
const UNPACKED = "/run/releases";
const PAUSE_MS = 1_000;

type Kind = "killed" | "stopped" | "reloaded" | "older" | "newer";

/** The daemon is killed once a second meanwhile, or as often as it has started. */
const OTHERS: readonly Kind[] = ["reloaded", "stopped", "older", "reloaded", "newer"];

/** Returns the number of each kind. The newer release is installed at the end, also if `work` fails. */
export async function disturbDuring(root: SystemdRoot, work: () => Promise<unknown>): Promise<Record<Kind, number>> {
  const { good: newer, older } = await makeArchives();
  const counts: Record<Kind, number> = { killed: 0, stopped: 0, reloaded: 0, older: 0, newer: 0 };
  const unpack = 'mkdir -p "$2" && tar xzf "$1"/*.tar.gz -C "$2" --strip-components=1';
  for (const [name, { folder }] of Object.entries({ newer, older }))
    await root.run("sh", ["-c", unpack, "sh", folder, `${UNPACKED}/${name}`]);

  async function install(name: "older" | "newer"): Promise<true> {
    await root.run(`${UNPACKED}/${name}/install.sh`);
    const version = await root.run("/usr/local/bin/credential-provider-oke", ["--version"]);
    if (version.endsWith("0.0.9") !== (name === "older")) throw new Error(`the ${name} plugin says ${version}`);
    return true;
  }
  /** Only a running daemon can be reloaded, so the kills pause. */
  let isReloading = false;
  /** False if there is no daemon at the moment. */
  const succeeds = async (...args: string[]) => (await root.exec("systemctl", [...args, DAEMON])).exitCode === 0;
  const effects: Record<Kind, () => Promise<boolean>> = {
    killed: async () => !isReloading && (await killDaemon(root)),
    stopped: () => succeeds("stop"),
    reloaded: async () => {
      root.write(CONFIG, `log: { level: ${counts.reloaded % 2 === 0 ? "debug" : "info"} }\n`);
      isReloading = true;
      try {
        return (await succeeds("start")) && (await succeeds("reload"));
      } finally {
        isReloading = false;
      }
    },
    older: () => install("older"),
    newer: () => install("newer"),
  };
  async function apply(kind: Kind): Promise<void> {
    if (await effects[kind]()) counts[kind] += 1;
  }
  const working = work();
  try {
    await Promise.all([
      repeatDuring(working, () => apply("killed")),
      repeatDuring(working, (round) => apply(OTHERS[round % OTHERS.length] as Kind)),
    ]);
  } finally {
    await install("newer");
  }
  return counts;
}

/** Sends the daemon a signal once a second, or as often as it has started, until `work` is done. Returns how often. */
export async function killDuring(
  root: SystemdRoot,
  work: Promise<unknown>,
  signal: "KILL" | "STOP" = "KILL",
): Promise<number> {
  let kills = 0;
  await repeatDuring(work, async () => {
    if (await killDaemon(root, signal)) kills += 1;
  });
  return kills;
}

/** Calls `act` about once a second until `work` is done. */
async function repeatDuring(work: Promise<unknown>, act: (round: number) => Promise<void>): Promise<void> {
  let isDone = false;
  const finish = () => {
    isDone = true;
  };
  work.then(finish, finish);
  for (let round = 0; !isDone; round++) {
    await act(round);
    await Promise.race([sleep(PAUSE_MS), work]);
  }
  await work;
}

/** False if there is no daemon at the moment, or none that has started: a killed one has been up, however slow the machine is. */
async function killDaemon(root: SystemdRoot, signal = "KILL"): Promise<boolean> {
  if ((await root.property(DAEMON, "ActiveState")) !== "active") return false;
  return (await root.exec("systemctl", ["kill", `--signal=${signal}`, "--kill-who=main", DAEMON])).exitCode === 0;
}
