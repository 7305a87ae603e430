/**
 * Figures of docker-credential-ocir for a user who is not root: a warm call with the user's own daemon, and one that starts
 * ocir-broker because there is no daemon. On a busy machine only the smallest time shows the cost of a call.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createPerson, HOST, type Person, startUserDaemon, USER_ID } from "../person.ts";
import { medianOf } from "./median.ts";
import { spawnTimes, type Times } from "./spawn-times.ts";

const CALLS = 2_000;
const COLD_CALLS = 7;

const DAEMON_BAR_MS = 10;
const ALONE_BAR_MS = 1_500;

export interface HelperFigures {
  readonly daemon: Times;
  readonly alone: { readonly minMs: number; readonly p50Ms: number };
}

export async function helperFigures(): Promise<HelperFigures> {
  const person = await createPerson();
  try {
    return { alone: await timesAlone(person), daemon: await timesWithDaemon(person) };
  } finally {
    await person.leave();
  }
}

async function timesAlone(person: Person): Promise<HelperFigures["alone"]> {
  const times: number[] = [];
  for (let call = 0; call < COLD_CALLS; call++) {
    const startedAtMs = performance.now();
    const { exitCode, stdout } = await person.get();
    times.push(performance.now() - startedAtMs);
    if (exitCode !== 0) throw new Error(stdout.toString());
  }
  return { minMs: Math.min(...times), p50Ms: medianOf(times) };
}

async function timesWithDaemon(person: Person): Promise<Times> {
  const variables = { XDG_RUNTIME_DIR: join(person.home, "run") };
  const daemon = await startUserDaemon(person, variables);
  try {
    // spawnTimes blocks the simulator, which is in this process, so the token is fetched before.
    const { exitCode, stdout } = await person.get(variables);
    if (exitCode !== 0) throw new Error(stdout.toString());
    const request = join(person.home, "request");
    writeFileSync(request, `https://${HOST}\n`);
    const program = join(person.home, "docker-credential-ocir");
    const helper = { socket: daemon.socket, program, argument: "get" };
    return spawnTimes(CALLS, 1, request, { helper }, USER_ID).helper;
  } finally {
    await daemon.stop();
  }
}

export function printHelper({ daemon, alone }: HelperFigures): void {
  const missed = (isMissed: boolean): string => (isMissed ? "   MISSED" : "");
  console.log(`
docker-credential-ocir of a user
  with a daemon      p50 ${daemon.p50Ms.toFixed(3)} ms, p99 ${daemon.p99Ms.toFixed(3)}, min ${daemon.minMs.toFixed(3)}   bar: ≤ ${DAEMON_BAR_MS}${missed(daemon.p50Ms > DAEMON_BAR_MS)}
  without one        p50 ${Math.round(alone.p50Ms)} ms, min ${Math.round(alone.minMs)}   bar: ≤ ${ALONE_BAR_MS}${missed(alone.p50Ms > ALONE_BAR_MS)}`);
}
