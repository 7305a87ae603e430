/**
 * Days in seconds, on the fake clock: nothing grows, no timer is left behind, no renewal drifts, whatever fails now
 * and then. Two days are lived by the whole daemon on real sockets; in the long run, a year by its parts without sockets.
 */
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { startSimulator } from "@ocir-broker/oci-simulator";
import { createFakeClock } from "@ocir-broker/testkit";
import type { CacheEvent } from "@ocir-broker/token-cache";
import { expect, test } from "vitest";
import { createSeededRandom } from "../seeded-random.ts";
import { startInProcess } from "./broker-in-process.ts";
import { isLongRun } from "./long-run.ts";
import { SESSION_LIFE_MS, startWiredBroker, TOKEN_LIFE_MS, type WiredBroker } from "./soak/wired-broker.ts";
import { createYearClock, type YearClock } from "./soak/year-clock.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const HOSTS = ["icn.ocir.io", "iad.ocir.io", "ocir.eu-frankfurt-1.oci.oraclecloud.com"] as const;

/** One request in so many fails; and in each quarter, for three hours, all do. */
const FAILURE_SHARE = 0.03;
const OUTAGE_HOURS = 3;
const HOURS = 365 * 24;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

async function heapKiB(): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    collectGarbage();
    await setImmediate();
  }
  return Math.round(process.memoryUsage().heapUsed / 1_024);
}

/** The times of one key's renewals, as far as they are needed to see a drift. */
class Rhythm {
  readonly #lifeMs: number;
  #obtainedAtMs: number | undefined;
  #isOnTime = false;
  #failures = 0;
  fetched = 0;
  failed = 0;
  expired = 0;
  onTime = 0;
  onTimeMs = 0;
  readonly broken: string[] = [];

  constructor(lifeMs: number) {
    this.#lifeMs = lifeMs;
  }

  take(event: CacheEvent, nowMs: number): void {
    if (event.type === "expired") this.expired++;
    if (event.type !== "fetched" && event.type !== "failed") return;
    if (this.#failures === 0 && this.#obtainedAtMs !== undefined) this.#checkStart(nowMs - event.elapsedMs);
    if (event.type === "failed") {
      this.#failures++;
      this.failed++;
      return;
    }
    this.fetched++;
    this.#isOnTime = event.reason === "renewal" && this.#failures === 0;
    this.#failures = 0;
    this.#obtainedAtMs = nowMs - event.elapsedMs;
  }

  #checkStart(startedAtMs: number): void {
    const afterMs = startedAtMs - (this.#obtainedAtMs ?? 0);
    const earliest = this.#isOnTime ? 0.4 : 0.05;
    if (afterMs < earliest * this.#lifeMs - 1 || afterMs > 0.6 * this.#lifeMs + 1) {
      this.broken.push(`renewed after ${afterMs} ms, ${this.#isOnTime ? "on time" : "for the first time"}`);
    }
    if (!this.#isOnTime) return;
    this.onTime++;
    this.onTimeMs += afterMs;
  }
}

const YEAR = "a year of three hosts and their sessions leaves memory flat, timers bounded and renewals in their rhythm";

async function liveAYear(): Promise<void> {
  const clock: YearClock = createYearClock(() => broker.isSigning());
  const random = createSeededRandom(365);
  const rhythms = new Map([
    ...HOSTS.map((host) => [host as string, new Rhythm(TOKEN_LIFE_MS)] as const),
    ["session", new Rhythm(SESSION_LIFE_MS)] as const,
  ]);
  let isOutage = false;
  const broker: WiredBroker = startWiredBroker({
    clock,
    random,
    registryHosts: HOSTS,
    isFailing: () => isOutage || random() < FAILURE_SHARE,
    onEvent: (event) => rhythms.get(event.key)?.take(event, clock.monotonicMs()),
  });

  const pass = (ms: number): Promise<void> => clock.runUntil(clock.monotonicMs() + ms);

  async function pull(host: string): Promise<boolean> {
    const image = `${host}/acme/app-${Math.floor(random() * 50)}`;
    const body = { apiVersion: "credentialprovider.kubelet.k8s.io/v1", kind: "CredentialProviderRequest", image };
    let answered: Awaited<ReturnType<typeof broker.answer>> | undefined;
    void broker.answer(Buffer.from(JSON.stringify(body))).then((answer) => {
      answered = answer;
    });
    // Who waits, waits on the fake clock.
    for (await pass(0); answered === undefined; ) await pass(1_000);
    const { status, body: answer } = answered;
    if (status !== 200) return false;
    expect(JSON.parse(answer.toString()).auth[host].username).toBe("BEARER_TOKEN");
    return true;
  }

  const heaps: number[] = [];
  const pulls = { served: 0, failed: 0, failedInOutage: 0 };
  let mostTimers = 0;
  await pass(HOUR);
  for (let hour = 0; hour < HOURS; hour++) {
    if (hour % (HOURS / 4) === 0) heaps.push(await heapKiB());
    const hourOfQuarter = hour % (HOURS / 4);
    isOutage = hourOfQuarter >= 1_000 && hourOfQuarter < 1_000 + OUTAGE_HOURS;
    // The last attempts of an outage may have failed a minute ago.
    const isTroubled = hourOfQuarter >= 1_000 && hourOfQuarter <= 1_000 + OUTAGE_HOURS;
    for (const host of HOSTS) {
      const isServed = await pull(host);
      pulls[isServed ? "served" : isTroubled ? "failedInOutage" : "failed"]++;
    }
    mostTimers = Math.max(mostTimers, clock.armed());
    await pass(HOUR);
  }
  heaps.push(await heapKiB());
  const metrics = await broker.renderMetrics();
  const lines = broker.logLines();
  broker.close();

  const figures = [...rhythms].map(([key, rhythm]) => {
    const { fetched, failed, expired, onTime, onTimeMs } = rhythm;
    return { key, fetched, failed, expired, onTimeMinutes: Number((onTimeMs / onTime / MINUTE).toFixed(3)) };
  });
  console.table(figures);
  console.info({ heapKiB: heaps, mostTimers, pulls, logLines: lines, metricsBytes: metrics.length });

  for (const [key, { broken }] of rhythms) expect(broken, key).toEqual([]);
  for (const { key, fetched, onTimeMinutes } of figures) {
    const perYear = key === "session" ? 52_560 : 17_520;
    expect(fetched / perYear, key).toBeGreaterThan(0.98);
    expect(fetched / perYear, key).toBeLessThan(1.05);
    expect(onTimeMinutes / (key === "session" ? 10 : 30), key).toBeCloseTo(1, 2);
  }
  expect(pulls.failed).toBe(0);
  // In the first quarter code is compiled and bounded memories fill.
  const settledKiB = Math.min(...heaps.slice(1, 3));
  for (const heap of heaps.slice(3)) expect(heap - settledKiB).toBeLessThan(1_024);
  expect(mostTimers).toBeLessThan(3 * (HOSTS.length + 1));
  expect(clock.armed()).toBe(0);
}

if (isLongRun) test(YEAR, liveAYear);

test("two days of the whole daemon on real sockets leave memory and descriptors flat", async () => {
  const clock = createFakeClock();
  const simulator = await startSimulator({ clock, registry: ["127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"] });
  const endpoints = Object.fromEntries(HOSTS.map((host, index) => [host, simulator.registryUrls[index]?.origin]));
  const daemon = await startInProcess({
    clock,
    simulator,
    random: createSeededRandom(48),
    logLevel: "info",
    config: { registries: { prefetch: HOSTS, endpoints } },
  });
  const isFetching = (): boolean => {
    const { session, registries } = daemon.broker.health.details();
    // No next fetch is planned while one is under way.
    return [session, ...Object.values(registries)].some((value) => value?.nextFetchInSeconds === null);
  };
  /** Sockets need real time; the pace at the metadata service, and a limit on what hangs, need the fake clock. */
  async function settle(): Promise<void> {
    do {
      await new Promise((resolve) => setTimeout(resolve, 2));
      await clock.advance(5);
    } while (isFetching());
  }
  const sample = async () => ({
    heapKiB: await heapKiB(),
    resources: process.getActiveResourcesInfo().length,
    timers: clock.armed().length,
  });

  const samples: Awaited<ReturnType<typeof sample>>[] = [];
  await settle();
  const startMs = clock.monotonicMs();
  for (let halfDay = 1; halfDay <= 5; halfDay++) {
    while (clock.monotonicMs() < startMs + halfDay * 12 * HOUR) {
      await clock.advance(Math.max(1, clock.armed()[0] ?? MINUTE));
      if (isFetching()) await settle();
    }
    for (const host of HOSTS) expect((await daemon.pull(`${host}/acme/app`)).kind).toBe("token");
    // In the first half day code is compiled and bounded memories fill.
    if (halfDay > 1) samples.push(await sample());
  }
  const counts = simulator.requests();
  await daemon.close();
  await simulator.close();
  console.table(samples);
  console.info({ sessions: counts["auth.x509"], tokens: counts["registry.token"] });

  expect(counts["auth.x509"]).toBeGreaterThan(270);
  expect(counts["registry.token"]).toBeGreaterThan(270);
  const [first, ...later] = samples;
  // The simulator remembers the sessions it has seen, up to a thousand of 4 KiB: about 1 MiB of this is its own.
  for (const { heapKiB, resources, timers } of later) {
    expect(heapKiB - (first?.heapKiB ?? 0)).toBeLessThan(2_048);
    expect(resources).toBeLessThanOrEqual((first?.resources ?? 0) + 3);
    expect(timers).toBeLessThanOrEqual((first?.timers ?? 0) + 3);
  }
});
