/**
 * Measures how hostile clients of the daemon's sockets affect pulls, in its unit: whole shim processes during each attack, compared
 * with those during three busy loops, which cost the machine about as much. All take turns in one run.
 */
import { once } from "node:events";
import type { Attack } from "../hostile-clients.ts";
import { CREDENTIALS_SOCKET, HEALTH_SOCKET, NODE, SERVICE, SHIM } from "../system/simulated-node.ts";
import type { SystemdRoot } from "../system/systemd-root/systemd-root.ts";
import { medianOf } from "./median.ts";
import { readTimes, timerArguments } from "./spawn-times.ts";

const ATTACKS: readonly (readonly [attack: Attack, socket: string])[] = [
  ["pipelining", HEALTH_SOCKET],
  ["pipelining and chunks", HEALTH_SOCKET],
  ["connect, send, close", HEALTH_SOCKET],
  ["chunks on the credentials socket", CREDENTIALS_SOCKET],
  ["bodies byte by byte", CREDENTIALS_SOCKET],
];
const BUSY_LOOPS = 3;
/** Each attack lasts 30 s in all. */
const TURNS = 6;
const TURN_MS = 5_000;
const CALLS_AT_ONCE = 20;

/**
 * The ratio of the median pull during each attack to that during the busy loops.
 *
 * @param timer path of the program of `buildTimer` inside the root
 * @param request path of a request inside the root
 * @throws Error if a pull fails or the service restarts, which is worse than a slow one
 */
export async function hostileRatios(
  root: SystemdRoot,
  timer: string,
  request: string,
): Promise<readonly (readonly [attack: Attack, ratio: number])[]> {
  const args = timerArguments({ rounds: CALLS_AT_ONCE }, request, [{ socket: CREDENTIALS_SOCKET, program: SHIM }]);
  const pullMs = async (): Promise<number> => readTimes(["shim"], await root.run(timer, args)).shim.p50Ms;
  const limited = (...command: readonly string[]) =>
    // A signal from here would end nsenter only.
    root.spawn("timeout", ["--signal=KILL", `${TURN_MS / 1_000}`, ...command]);
  const rivals = new Map<string, () => readonly ReturnType<typeof limited>[]>([
    ["busy", () => Array.from({ length: BUSY_LOOPS }, () => limited("sh", "-c", "echo; while :; do :; done"))],
    ...ATTACKS.map(
      ([attack, socket]) =>
        [attack, () => [limited(NODE, "/opt/checkout/test/hostile-clients.ts", socket, attack)]] as const,
    ),
  ]);
  const times = new Map<string, number[]>([...rivals.keys()].map((name) => [name, []]));
  const restarts = await root.property(SERVICE, "NRestarts");
  for (let turn = 0; turn < TURNS; turn += 1) {
    for (const [name, start] of rivals) {
      const processes = start();
      await Promise.all(processes.map(({ stdout }) => once(stdout as NodeJS.ReadableStream, "data")));
      while (processes.some(({ exitCode, signalCode }) => exitCode === null && signalCode === null))
        times.get(name)?.push(await pullMs());
    }
  }
  if ((await root.property(SERVICE, "NRestarts")) !== restarts) throw new Error("an attack restarted the service");
  const busyMs = medianOf(times.get("busy") ?? []);
  return ATTACKS.map(([attack]) => [attack, medianOf(times.get(attack) ?? []) / busyMs]);
}
