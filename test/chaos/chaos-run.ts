/** One chaos run: continuous calls and the plan's concurrent events; then calm, in which every host must recover. */
import { readFileSync } from "node:fs";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { REGISTRY_HOSTS } from "../e2e/stage.ts";
import { createSeededRandom } from "../seeded-random.ts";
import { createActor } from "./actor.ts";
import { ask, createKnownTokens } from "./known-tokens.ts";
import { CHAOS_KINDS, type ChaosKind, planOf, type TimedEvent } from "./plan.ts";
import { startSupervisedNode, TOKEN_LIFE_MS } from "./supervised-node.ts";
import { createVerdict, type Expected } from "./verdict.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly lengthMs: number;
  /** One line for each event, as it happens. */
  readonly onLine: (line: string) => void;
}

export interface ChaosReport {
  readonly violations: readonly string[];
  readonly answered: number;
  /** Calls for a token that had to succeed. */
  readonly unexcused: number;
  /** How often each kind of event happened. */
  readonly happened: Readonly<Record<ChaosKind, number>>;
  readonly daemonStarts: number;
  readonly mostPrivateDirtyKiB: number;
}

const CALL_EVERY_MS = 120;
const LOOK_EVERY_MS = 500;
/** Longest back-off and one exchange. */
const HEAL_LIMIT_MS = 90_000;

/** `MemoryHigh=` of the unit. */
const MOST_MEMORY_KIB = 200 * 1_024;

const REPOSITORIES = ["acme/app-0", "acme/app-1", "acme/secret", "acme/shop/web", "acme/oke-public-x"];

export async function runChaos({ seed, lengthMs, onLine }: ChaosOptions): Promise<ChaosReport> {
  const startedAtMs = performance.now();
  const tell = (line: string): void => onLine(`${((performance.now() - startedAtMs) / 1_000).toFixed(2)} ${line}`);
  // Calls have their own random numbers: their count depends on the machine, and must not change the plan.
  const chance = createSeededRandom(seed + 1);
  const pick = <T>(choices: readonly T[]): T => choices[Math.floor(chance() * choices.length)] as T;
  let onDaemon = (_line: string): void => {};
  const stage = await startSupervisedNode((line) => {
    tell(`daemon ${line}`);
    onDaemon(line);
  });
  try {
    const known = createKnownTokens(stage.healthSocket, TOKEN_LIFE_MS);
    const verdict = createVerdict({
      audienceOf: stage.audienceOf,
      tokenLifeMs: TOKEN_LIFE_MS,
      onViolation: (violation) => tell(`VIOLATION ${violation}`),
    });
    const underway = new Set<Promise<unknown>>();
    const actor = createActor({ stage, known, burst: (calls) => void follow(repeat(calls, callSome)) });
    onDaemon = actor.onDaemon;

    function follow<T>(promise: Promise<T>): Promise<T> {
      underway.add(promise);
      return promise.finally(() => underway.delete(promise));
    }

    async function call(image: string, expected: Expected): Promise<boolean> {
      const tokenAtTheEnd = known.watch(expected.registryHost);
      const result = await stage.call(image);
      const token = tokenAtTheEnd();
      verdict.judgeCall({ expected, result, excuse: token === "known" ? undefined : token });
      return result.exitCode === 0;
    }

    function callSome(): Promise<boolean> {
      if (chance() < 0.05) return call("registry.k8s.io/pause", { kind: "nothing", registryHost: "foreign" });
      return callHost(pick(REGISTRY_HOSTS));
    }

    function callHost(registryHost: string): Promise<boolean> {
      return call(`${registryHost}/${pick(REPOSITORIES)}`, { kind: "token", registryHost });
    }

    let mostKiB = 0;
    async function look(): Promise<void> {
      const pid = stage.supervisor.pid();
      const texts = { status: await known.look(), ...(await pages(stage.healthSocket)), textfile: stage.textfile() };
      for (const [where, text] of Object.entries(texts)) verdict.judgeText(where, text ?? "");
      if (pid !== undefined) {
        for (const name of ["cmdline", "environ"]) verdict.judgeText(name, readProcess(pid, name));
        mostKiB = Math.max(mostKiB, privateDirtyKiB(pid));
      }
    }

    const happened = Object.fromEntries(CHAOS_KINDS.map((kind) => [kind, 0])) as Record<ChaosKind, number>;
    async function act(event: TimedEvent): Promise<void> {
      tell(`event ${JSON.stringify(event)}`);
      if (await actor.act(event)) happened[event.kind] += 1;
      else tell(`came to nothing: ${event.kind} of ${event.atMs}`);
    }

    for (const registryHost of REGISTRY_HOSTS) await callHost(registryHost);
    const begunAtMs = performance.now();
    const untilMs = (atMs: number): Promise<void> => sleep(Math.max(0, begunAtMs + atMs - performance.now()));
    const calling = new AbortController();
    const caller = every(CALL_EVERY_MS, calling.signal, async () => void follow(callSome()));
    const looker = every(LOOK_EVERY_MS, calling.signal, look);
    for (const event of planOf(seed, lengthMs)) {
      await untilMs(event.atMs);
      void follow(act(event));
    }
    await untilMs(lengthMs);
    tell("calm");
    actor.calm();
    const calmAtMs = performance.now();
    for (const registryHost of REGISTRY_HOSTS) {
      while (!(await callHost(registryHost)) && performance.now() - calmAtMs < HEAL_LIMIT_MS) await sleep(1_000);
    }
    tell("healed");
    verdict.judgeLimit("milliseconds to heal", performance.now() - calmAtMs, HEAL_LIMIT_MS);
    calling.abort();
    await Promise.all([caller, looker, ...underway]);

    verdict.judgeText("log", stage.log());
    verdict.judgeLimit("KiB of memory at most", mostKiB, MOST_MEMORY_KIB);
    const { violations, answered, unexcused } = verdict;
    if (violations().length > 0) for (const line of stage.log().trim().split("\n").slice(-LOG_LINES)) onLine(line);
    return {
      violations: violations(),
      answered: answered(),
      unexcused: unexcused(),
      happened,
      daemonStarts: stage.supervisor.starts(),
      mostPrivateDirtyKiB: mostKiB,
    };
  } finally {
    await stage.takeDown();
  }
}

/** Lines of the daemon's log to show with a violation. */
const LOG_LINES = 2_000;

async function pages(healthSocket: string): Promise<Record<string, string | undefined>> {
  const [metrics, healthz] = await Promise.all([ask(healthSocket, "/metrics"), ask(healthSocket, "/healthz")]);
  return { metrics, healthz };
}

async function every(ms: number, until: AbortSignal, action: () => Promise<void>): Promise<void> {
  while (!until.aborted) {
    const pause = sleep(ms);
    await action();
    await pause;
  }
}

/** Starts one process for each turn of the event loop: a start takes 0.1 s on a busy machine, and exits must be seen meanwhile. */
async function repeat(times: number, call: () => Promise<unknown>): Promise<void> {
  const calls: Promise<unknown>[] = [];
  while (calls.length < times) {
    calls.push(call());
    await nextTurn();
  }
  await Promise.all(calls);
}

function privateDirtyKiB(pid: number): number {
  return Number(/^Private_Dirty:\s+(\d+) kB$/m.exec(readProcess(pid, "smaps_rollup"))?.[1] ?? 0);
}

/** Empty if the process has ended. */
function readProcess(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}
