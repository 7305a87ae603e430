/**
 * One cell of the matrix: a broker with one fault at one upstream, from the start (cold) or with a token in memory (warm). Returns
 * the kubelet's response, the time of the broker's next attempt, and its log.
 */
import type { Simulator } from "@ocir-broker/oci-simulator/simulator";
import { expect } from "vitest";
import type { LogLine } from "../../../packages/daemon/test/recorded-log.ts";
import { type InProcessBroker, type Pulled, startInProcess } from "../in-process-broker.ts";
import { type Combination, RETRY_AFTER_S } from "./combinations.ts";
import type { FastClock } from "./fast-clock.ts";

/** Runs cells one after another. */
export interface Place {
  readonly clock: FastClock;
  readonly simulator: Simulator;
  readonly config: object;
  readonly environment: Readonly<Record<string, string>>;
}

export type Outcome = Awaited<ReturnType<typeof runCell>>;

const HOST = "iad.ocir.io";
const IMAGE = `${HOST}/acme/shop/web`;
const MINUTE_MS = 60_000;
const WARM_MS = 57 * MINUTE_MS;

/** Longer than any back-off, with or without Retry-After. */
const LONGEST_BACK_OFF_MS = 6 * MINUTE_MS;

export async function runCell(place: Place, combination: Combination, kind: "cold" | "warm") {
  if (kind === "cold") place.simulator.faults(combination.told);
  const stage = await startInProcess(place);
  let from = 0;
  try {
    if (kind === "warm") {
      await warmUp(stage);
      place.simulator.faults(combination.told);
      from = stage.lines.length;
    }
    const pulled = kind === "cold" ? await stage.pull(IMAGE) : await outlast(place, stage, combination);
    const outcome = await outcomeAfter(stage, combination, place, pulled, from);
    await expectHealed(place, stage);
    return outcome;
  } finally {
    await stage.close();
    place.simulator.reset();
  }
}

/** Every pull must get a valid token: the old one lasts for an hour, and the fault for 57 minutes. */
async function outlast(place: Place, stage: InProcessBroker, { told: { token } }: Combination): Promise<Pulled> {
  // Past the renewals of the session (every 15 min) and of the token (at 30 min), almost to the token's expiry. The clock never
  // leaps during a fetch, or over the life of a token, which would be a suspend.
  const stepMs = typeof token === "number" ? (token * 1_000) / 3 : 16 * MINUTE_MS;
  const startedAtMs = place.clock.monotonicMs();
  for (let atMs = stepMs; ; atMs = Math.min(atMs + stepMs, WARM_MS)) {
    await settled(stage);
    place.clock.leap(startedAtMs + atMs - place.clock.monotonicMs());
    await settled(stage);
    const pulled = await stage.pull(IMAGE);
    expectGood(pulled, place);
    if (atMs === WARM_MS) return pulled;
  }
}

async function warmUp(stage: InProcessBroker): Promise<void> {
  expect(await stage.pull(IMAGE)).toMatchObject({ kind: "token" });
  await until(
    async () => (await answersOfRegistry(stage)) >= 2,
    "answers to the token's request and to the first probe",
  );
  await until(() => stage.broker.health.summary().region !== null, "the region");
  await settled(stage);
}

/** Counted by the broker: the simulator may still count a probe of the cell before. */
async function answersOfRegistry(stage: InProcessBroker): Promise<number> {
  const samples = (await stage.metrics()).matchAll(
    /^ocir_broker_upstream_requests_total\{upstream="iad\.ocir\.io".*\} (\d+)$/gm,
  );
  return [...samples].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** The first pull starts the probe; a second pull shows the effect of the fault on the probe. */
async function outcomeAfter(
  stage: InProcessBroker,
  combination: Combination,
  place: Place,
  first: Pulled,
  from: number,
) {
  let last = first;
  if (combination.upstream === "probe") {
    const { told } = combination;
    const isDenied = told.status === 401 || told.status === 403;
    await until(() => place.simulator.requests()["registry.manifest"] > 0, "the probe");
    if (isDenied) await until(() => stage.lines.some(({ msg }) => msg === "access denied"), "the denial");
    last = await stage.pull(IMAGE);
    expectGood(last, place);
  }
  if (last.kind === "token") expectGood(last, place);
  const lines = stage.lines.slice(from);
  return { response: responseOf(last, lines), nextTry: nextTryOf(lines), logged: loggedOnce(lines) };
}

function responseOf(pulled: Pulled, lines: readonly LogLine[]): string {
  if (pulled.kind === "error") return `\`${pulled.code}\``;
  expect(pulled.kind).toBe("token");
  const outcome = lines.findLast(({ msg }) => msg === "request answered")?.["outcome"];
  if (outcome === "stale") return "stale served";
  return outcome === "denied" ? "served, known to be denied" : "served";
}

/** The plan that a failed fetch follows; checks each delay against it. */
function nextTryOf(lines: readonly LogLine[]): string {
  const plans = new Set<string>();
  const failuresInARow = new Map<string, number>();
  for (const line of lines) {
    const what = /^(\w+) (not )?fetched$/.exec(line.msg);
    if (what === null) continue;
    const key = `${what[1]}`;
    if (what[2] === undefined) failuresInARow.delete(key);
    else {
      const failures = (failuresInARow.get(key) ?? 0) + 1;
      failuresInARow.set(key, failures);
      const ownMs = 100 + 0.5 * (Math.min(60_000, 500 * 2 ** (failures - 1)) - 100);
      const askedMs = Number(line["retryInMs"]) - Math.round(ownMs);
      expect([0, RETRY_AFTER_S * 1_000], `${line.msg}, failure ${failures}`).toContain(askedMs);
      plans.add(askedMs === 0 ? "by the back-off" : `${RETRY_AFTER_S} s, then by the back-off`);
    }
  }
  // A fetch that waits for a throttled one follows the back-off; the throttled one counts.
  return [...plans].sort()[0] ?? "–";
}

/** Warnings and errors apart from the request's line; each must occur once, however long the fault lasts. */
function loggedOnce(lines: readonly LogLine[]): string {
  const said = lines
    .filter(({ level, msg }) => (level === "warn" || level === "error") && msg !== "request failed")
    .map(({ msg, error }) => (error?.code === undefined ? msg : `${msg}: \`${error.code}\``));
  expect(new Set(said).size, `each logged once: ${said.join("; ")}`).toBe(said.length);
  return said.sort().join("; ") || "–";
}

function expectGood(pulled: Pulled, { clock, simulator }: Place): void {
  expect(pulled).toMatchObject({ kind: "token", token: { sub: simulator.instance.instanceId } });
  if (pulled.kind === "token") expect(pulled.token.expiresAtMs ?? Infinity).toBeGreaterThan(clock.wallMs());
}

async function expectHealed(place: Place, stage: InProcessBroker): Promise<void> {
  place.simulator.clearFaults();
  place.clock.leap(LONGEST_BACK_OFF_MS);
  await until(async () => (await stage.pull(IMAGE)).kind === "token", "a token after the fault");
}

/** Waits until no fetch is in flight, and none is due within the next half second. */
async function settled({ broker }: InProcessBroker): Promise<void> {
  await until(() => {
    const { session, registries } = broker.health.details();
    const all = [session, ...Object.values(registries)];
    return all.every((each) => each !== null && each.nextFetchInSeconds !== null && each.nextFetchInSeconds >= 1);
  }, "all fetches to end");
}

async function until(isTrue: () => boolean | Promise<boolean>, what: string): Promise<void> {
  await expect.poll(isTrue, { timeout: 90_000, interval: 10, message: what }).toBe(true);
}
