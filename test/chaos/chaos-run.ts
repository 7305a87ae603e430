/** One chaos run: calls all the while, the plan's events beside them, then calm, and what is left must be as at the start. */
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { REGISTRY_HOSTS } from "../e2e/stage.ts";
import { createSeededRandom } from "../system/fleet/seeded-random.ts";
import { createActor } from "./actor.ts";
import { ask, createKnownTokens } from "./known-tokens.ts";
import { setNodeStage, TOKEN_LIFE_MS } from "./node-stage.ts";
import { planOf } from "./plan.ts";
import { createVerdict, type Expected } from "./verdict.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly lengthMs: number;
  /** One line an event, as it happens. */
  readonly onLine: (line: string) => void;
}

export interface ChaosReport {
  readonly violations: readonly string[];
  readonly events: number;
  readonly answered: number;
  /** Calls that failed when nobody could have answered them, by code. */
  readonly failed: Readonly<Record<string, number>>;
  readonly daemonStarts: number;
  /** After the first calls, and after the last, of whichever daemon ran. */
  readonly descriptors: { readonly before: number; readonly after: number };
  readonly privateDirtyKiB: { readonly before: number; readonly after: number; readonly most: number };
}

const CALL_EVERY_MS = 120;
const LOOK_EVERY_MS = 500;
/** Longest back-off and one exchange. */
const HEAL_LIMIT_MS = 90_000;
/** Connections to upstreams that are kept for the next request end within this. */
const QUIET_MS = 8_000;

/** A warm process: its heap breathes, its buffers come and go. `MemoryHigh=` of the unit is 200 MiB. */
const MORE_MEMORY_KIB = 48 * 1_024;
const MOST_MEMORY_KIB = 200 * 1_024;
const MORE_DESCRIPTORS = 8;

const REPOSITORIES = ["acme/app-0", "acme/app-1", "acme/secret", "acme/shop/web", "acme/oke-public-x"];
const GARBAGE = ["", "{", "null", "[]", '{"kind":"Nothing"}', "x".repeat(300_000), '{"image":"a\\u0000b"}'];

export async function runChaos({ seed, lengthMs, onLine }: ChaosOptions): Promise<ChaosReport> {
  const startedAtMs = performance.now();
  const tell = (line: string): void => onLine(`${((performance.now() - startedAtMs) / 1_000).toFixed(2)} ${line}`);
  // What is called is chance of its own: how many calls there are depends on the machine, and must not move the plan.
  const chance = createSeededRandom(seed + 1);
  const pick = <T>(choices: readonly T[]): T => choices[Math.floor(chance() * choices.length)] as T;
  let remember = (): void => {};
  const stage = await setNodeStage((line) => {
    tell(`daemon ${line}`);
    if (line.startsWith("started")) remember();
  });
  try {
    const known = createKnownTokens(stage.healthSocket, TOKEN_LIFE_MS);
    remember = known.remember;
    const verdict = createVerdict({
      audienceOf: stage.audienceOf,
      tokenLifeMs: TOKEN_LIFE_MS,
      onViolation: (violation) => tell(`VIOLATION ${violation}`),
    });
    const underway = new Set<Promise<unknown>>();
    const actor = createActor({
      stage,
      known,
      burst: (calls) => void repeat(calls, () => void follow(callSome())),
      garbage: (calls) =>
        void repeat(calls, () => void follow(call({ stdin: pick(GARBAGE) }, { kind: "refusal", registryHost: "-" }))),
    });

    function follow<T>(promise: Promise<T>): Promise<T> {
      underway.add(promise);
      return promise.finally(() => underway.delete(promise));
    }

    async function call(
      request: { readonly image: string } | { readonly stdin: string },
      expected: Expected,
    ): Promise<boolean> {
      const wasKnown = known.watch(expected.registryHost);
      let wasHelpless = actor.isHelpless();
      const look = setInterval(() => {
        wasHelpless ||= actor.isHelpless();
      }, LOOK_EVERY_MS / 5);
      const result = await stage.call(request);
      clearInterval(look);
      verdict.judgeCall({ expected, result, wasKnown: wasKnown() && !wasHelpless && !actor.isHelpless() });
      return result.exitCode === 0;
    }

    function callSome(): Promise<boolean> {
      if (chance() < 0.05)
        return call({ image: "registry.k8s.io/pause" }, { kind: "nothing", registryHost: "foreign" });
      return callHost(pick(REGISTRY_HOSTS));
    }

    function callHost(registryHost: string): Promise<boolean> {
      return call({ image: `${registryHost}/${pick(REPOSITORIES)}` }, { kind: "token", registryHost });
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

    async function settle(): Promise<{ descriptors: number; dirtyKiB: number }> {
      await Promise.all(underway);
      await sleep(QUIET_MS);
      const pid = stage.supervisor.pid() as number;
      return { descriptors: readdirSync(`/proc/${pid}/fd`).length, dirtyKiB: privateDirtyKiB(pid) };
    }

    for (const registryHost of REGISTRY_HOSTS) await callHost(registryHost);
    for (let round = 0; round < 10; round += 1) await Promise.all(Array.from({ length: 20 }, callSome));
    const before = await settle();

    const begunAtMs = performance.now();
    const events = planOf(seed, lengthMs);
    const untilMs = (atMs: number): Promise<void> => sleep(Math.max(0, begunAtMs + atMs - performance.now()));
    const calling = new AbortController();
    const caller = every(CALL_EVERY_MS, calling.signal, async () => void follow(callSome()));
    const looker = every(LOOK_EVERY_MS, calling.signal, look);
    for (const event of events) {
      await untilMs(event.atMs);
      tell(`event ${JSON.stringify(event)}`);
      void follow(actor.act(event));
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
    await Promise.all([caller, looker]);
    const after = await settle();

    verdict.judgeText("log", stage.log());
    verdict.judgeLimit("descriptors", after.descriptors, before.descriptors + MORE_DESCRIPTORS);
    verdict.judgeLimit("KiB of memory at the end", after.dirtyKiB, before.dirtyKiB + MORE_MEMORY_KIB);
    verdict.judgeLimit("KiB of memory at most", mostKiB, MOST_MEMORY_KIB);
    const { violations, answered, failed } = verdict;
    if (violations().length > 0) for (const line of stage.log().trim().split("\n").slice(-LOG_LINES)) onLine(line);
    return {
      violations: violations(),
      events: events.length,
      answered: answered(),
      failed: failed(),
      daemonStarts: stage.supervisor.starts(),
      descriptors: { before: before.descriptors, after: after.descriptors },
      privateDirtyKiB: { before: before.dirtyKiB, after: after.dirtyKiB, most: mostKiB },
    };
  } finally {
    await stage.takeDown();
  }
}

/** Of the daemon's log, shown beside a violation. */
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

function repeat(times: number, action: () => void): void {
  for (let time = 0; time < times; time += 1) action();
}

function readProcess(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}

function privateDirtyKiB(pid: number): number {
  return Number(/^Private_Dirty:\s+(\d+) kB$/m.exec(readProcess(pid, "smaps_rollup"))?.[1] ?? 0);
}
