/**
 * The whole daemon on real sockets, on the fake clock. Days without faults: nothing grows, no timer is left behind, no renewal
 * drifts. Hours of random faults, several at once: every pull gets a valid token of its host or an error. Longer in the long run.
 */
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { claimsOf } from "@ocir-broker/credentials/test/kubelet-request";
import type { Fault } from "@ocir-broker/oci-simulator/http/faults";
import { type SimulatorOptions, startSimulator } from "@ocir-broker/oci-simulator/simulator";
import type { FakeClock } from "@ocir-broker/testkit/fake-clock";
import { createSeededRandom } from "@ocir-broker/testkit/seeded-random";
import { expect, test } from "vitest";
import { createDrivenClock } from "./driven-clock.ts";
import { startInProcess } from "./in-process-broker.ts";
import { isLongRun } from "./long-run.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const HALF_DAYS = isLongRun ? 60 : 3;
const FAULTY_TURNS = isLongRun ? 100 : 12;
const HOSTS = ["icn.ocir.io", "iad.ocir.io", "ocir.eu-frankfurt-1.oci.oraclecloud.com"] as const;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

async function heapKiB(): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    collectGarbage();
    await setImmediate();
  }
  return Math.round(process.memoryUsage().heapUsed / 1_024);
}

/** Sessions with 100 to 280 s left at their issue have been reported. In one half day of eight, all are like that. */
const areSessionsShort = (halfDay: number): boolean => halfDay % 8 === 2;
const SHORT_HALF_DAYS = Array.from({ length: HALF_DAYS }, (_, index) => index + 1).filter(areSessionsShort).length;

/** A broker for three hosts, each with its registry. */
async function start(clock: FakeClock, random: () => number, options: SimulatorOptions = {}) {
  const registry = HOSTS.map((_host, index) => `127.0.0.${index + 1}:0`);
  const simulator = await startSimulator({ clock, registry, ...options });
  const endpoints = Object.fromEntries(HOSTS.map((host, index) => [host, simulator.registryUrls[index]?.origin]));
  const config = { registries: { prefetch: HOSTS, endpoints } };
  return { simulator, daemon: await startInProcess({ clock, simulator, random, logLevel: "info", config }) };
}

test(`in ${HALF_DAYS} half days of the whole daemon on real sockets, no pull fails, and memory and descriptors stay flat`, async () => {
  const clock = createDrivenClock();
  const { simulator, daemon } = await start(clock, createSeededRandom(48));
  const sample = async () => ({
    heapKiB: await heapKiB(),
    resources: process.getActiveResourcesInfo().length,
    timers: clock.armed().length,
  });

  let [pulls, denied] = [0, 0];
  async function pull(index: number): Promise<void> {
    const pulled = await daemon.pull(`${HOSTS[index]}/acme/app`);
    const headers = { authorization: `Bearer ${pulled.kind === "token" && pulled.token.text}` };
    const { status } = await fetch(new URL("/v2/acme/app/manifests/latest", simulator.registryUrls[index]), {
      headers,
    });
    pulls++;
    if (status !== 200) denied++;
  }

  const random = createSeededRandom(38);
  let sessions = 0;
  const samples: Awaited<ReturnType<typeof sample>>[] = [];
  await clock.driveUntil(() => !daemon.isFetching());
  const startMs = clock.monotonicMs();
  for (let halfDay = 1; halfDay <= HALF_DAYS; halfDay++) {
    while (clock.monotonicMs() < startMs + halfDay * 12 * HOUR) {
      await clock.pass(Math.max(1, clock.armed()[0] ?? MINUTE), daemon);
      if (simulator.requests()["auth.x509"] > sessions) {
        sessions = simulator.requests()["auth.x509"];
        simulator.clearFaults();
        if (areSessionsShort(halfDay))
          simulator.faults({ endpoint: "auth.x509", token: 100 + Math.floor(181 * random()) });
        await pull(sessions % HOSTS.length);
      }
    }
    daemon.lines.length = 0;
    // During the first half day, code is compiled and bounded caches fill.
    if (halfDay > 1) samples.push(await sample());
  }
  const counts = simulator.requests();
  await daemon.close();
  await simulator.close();
  console.table(samples);
  console.info({ sessions, tokens: counts["registry.token"], pulls, denied });

  expect(denied).toBe(0);
  // A session every 10 minutes, or 95 s for short ones; a token for each of three hosts every 30: 72 in half a day.
  const sessionsDue = 72 * (HALF_DAYS - SHORT_HALF_DAYS) + (12 * HOUR * SHORT_HALF_DAYS) / 95_000;
  for (const share of [sessions / sessionsDue, counts["registry.token"] / (72 * HALF_DAYS)]) {
    expect(share).toBeGreaterThan(0.98);
    expect(share).toBeLessThan(1.05);
  }
  const [first, ...later] = samples;
  // The simulator remembers the sessions it has seen, up to a thousand of 4 KiB: about 1 MiB of this in three half days.
  const largestGrowthKiB = isLongRun ? 6_144 : 2_048;
  for (const { heapKiB, resources, timers } of later) {
    expect(heapKiB - (first?.heapKiB ?? 0)).toBeLessThan(largestGrowthKiB);
    expect(resources).toBeLessThanOrEqual((first?.resources ?? 0) + 3);
    expect(timers).toBeLessThanOrEqual((first?.timers ?? 0) + 3);
  }
});

const ENDPOINTS = [
  ...(["metadata.*", "metadata.regionInfo", "metadata.cert", "metadata.key", "metadata.intermediate"] as const),
  ...(["auth.x509", "registry.token", "registry.manifest", "registry.*", "*"] as const),
];
const KINDS: readonly Omit<Fault, "endpoint">[] = [
  ...[{ refuse: true }, { hang: "before-headers" }, { hang: "mid-body" }, { latencyMs: 5_000 }],
  ...[{ reset: "before-headers" }, { reset: "mid-body" }, { truncate: true }, { html: true }, { wrongJson: true }],
  ...[{ wrongShape: true }, { bodyMiB: 10 }, { contentType: "text/plain" }, { mismatch: true }],
  ...[{ dateSkewMs: -600_000 }, { dateSkewMs: 600_000 }],
  ...[400, 401, 403, 404, 429, 500, 503].map((status) => ({ status })),
  { status: 429, retryAfter: 5 },
  ...(["expired", "without-exp", "foreign-key", "anonymous", 100] as const).map((token) => ({ token })),
] as Omit<Fault, "endpoint">[];
/** A token is not served in its last twentieth. */
const UNUSED_SHARE = 0.05;
const TOKEN_LIFE_MS = HOUR;
/** The longest back-off and one request. */
const RECOVERY_MS = 90_000;

test(`in ${FAULTY_TURNS} turns of random faults, no pull fails while its token is valid, and none gets another token`, async () => {
  const clock = createDrivenClock();
  // The daemon has random numbers of its own: how many it draws depends on the machine, and must not change the faults.
  const random = createSeededRandom(5);
  const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;
  const { simulator, daemon } = await start(clock, createSeededRandom(6), {
    tokenLifeMs: TOKEN_LIFE_MS,
    multiValuedSubject: true,
  });
  const tokens = new Set<string>();

  /** Sockets need real time, time limits the fake clock's. */
  async function letPass(ms: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 1));
    await clock.advance(ms);
  }

  const validUntilMs = new Map<string, number>();
  async function pull(host: (typeof HOSTS)[number]): Promise<boolean> {
    const pulled = await daemon.pull(`${host}/acme/app`);
    if (pulled.kind !== "token") {
      expect(pulled).toEqual({ kind: "error", code: expect.stringMatching(/^[a-z-]+$/) });
      expect(clock.wallMs()).toBeGreaterThan(validUntilMs.get(host) ?? 0);
      return false;
    }
    const { text, expiresAtMs = clock.wallMs() + 1 } = pulled.token;
    expect(claimsOf(text)["aud"]).toBe(simulator.registryUrls[HOSTS.indexOf(host)]?.host);
    expect(expiresAtMs).toBeGreaterThan(clock.wallMs());
    validUntilMs.set(host, expiresAtMs - UNUSED_SHARE * TOKEN_LIFE_MS);
    tokens.add(text);
    return true;
  }

  async function pullAll(): Promise<boolean[]> {
    let isSettled = false;
    const pulls = Promise.all(HOSTS.map(pull)).finally(() => {
      isSettled = true;
    });
    while (!isSettled) await letPass(25);
    return pulls;
  }

  let [served, failed] = [0, 0];
  for (let turn = 0; turn < FAULTY_TURNS; turn++) {
    simulator.clearFaults();
    const faults = Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
      ...pick(KINDS),
      endpoint: pick(ENDPOINTS),
    }));
    simulator.faults(...faults);
    const endMs = clock.monotonicMs() + random() * 0.5 * HOUR;
    while (clock.monotonicMs() < endMs) await letPass(Math.max(1, clock.armed()[0] ?? MINUTE));
    for (const isServed of await pullAll()) isServed ? served++ : failed++;
  }
  simulator.clearFaults();
  const recoveredByMs = clock.monotonicMs() + RECOVERY_MS;
  while (clock.monotonicMs() < recoveredByMs) await letPass(25);
  expect(await pullAll()).toEqual([true, true, true]);
  const shown = JSON.stringify([daemon.lines, daemon.broker.health.details()]);
  expect([...tokens].filter((token) => shown.includes(token))).toEqual([]);
  await daemon.close();
  await simulator.close();
  console.info({ served, failed, tokens: tokens.size });
  // The faults were felt, and memory carried pulls through them.
  expect(served).toBeGreaterThan(0);
  expect(failed).toBeGreaterThan(0);
});
