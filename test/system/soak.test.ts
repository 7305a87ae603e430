/**
 * Days of the whole daemon on real sockets, on the fake clock: nothing grows, no timer is left behind, no renewal drifts.
 * A day and a half; two and a half in the long run.
 */
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { startSimulator } from "@ocir-broker/oci-simulator";
import { createFakeClock } from "@ocir-broker/testkit";
import { expect, test } from "vitest";
import { createSeededRandom } from "../seeded-random.ts";
import { startInProcess } from "./in-process-broker.ts";
import { isLongRun } from "./long-run.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const HALF_DAYS = isLongRun ? 5 : 3;
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

test(`${HALF_DAYS} half days of the whole daemon on real sockets leave memory and descriptors flat`, async () => {
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
    // While a fetch is in flight, no next one is planned.
    return [session, ...Object.values(registries)].some((value) => value?.nextFetchInSeconds === null);
  };
  /** Sockets need real time; the metadata service's rate limit and time limits need the fake clock. */
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
  for (let halfDay = 1; halfDay <= HALF_DAYS; halfDay++) {
    while (clock.monotonicMs() < startMs + halfDay * 12 * HOUR) {
      await clock.advance(Math.max(1, clock.armed()[0] ?? MINUTE));
      if (isFetching()) await settle();
    }
    for (const host of HOSTS) expect((await daemon.pull(`${host}/acme/app`)).kind).toBe("token");
    // During the first half day, code is compiled and bounded caches fill.
    if (halfDay > 1) samples.push(await sample());
  }
  const counts = simulator.requests();
  await daemon.close();
  await simulator.close();
  console.table(samples);
  console.info({ sessions: counts["auth.x509"], tokens: counts["registry.token"] });

  // A session every 10 minutes, a token for each of three hosts every 30: 72 of each in half a day, and the first ones.
  for (const endpoint of ["auth.x509", "registry.token"] as const) {
    expect(counts[endpoint] / (72 * HALF_DAYS), endpoint).toBeGreaterThan(0.98);
    expect(counts[endpoint] / (72 * HALF_DAYS), endpoint).toBeLessThan(1.05);
  }
  const [first, ...later] = samples;
  // The simulator remembers the sessions it has seen, up to a thousand of 4 KiB: about 1 MiB of this is its own.
  for (const { heapKiB, resources, timers } of later) {
    expect(heapKiB - (first?.heapKiB ?? 0)).toBeLessThan(2_048);
    expect(resources).toBeLessThanOrEqual((first?.resources ?? 0) + 3);
    expect(timers).toBeLessThanOrEqual((first?.timers ?? 0) + 3);
  }
});
