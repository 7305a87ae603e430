/**
 * The whole daemon on real sockets, on the fake clock. Days without faults: nothing grows, no timer is left behind, no renewal
 * drifts. Longer in the long run. With faults: fault-matrix, and the cache's random histories in expiring-cache.properties.test.ts.
 */
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { startSimulator } from "@ocir-broker/oci-simulator/simulator";
import { createSeededRandom } from "@ocir-broker/testkit/seeded-random";
import { expect, test } from "vitest";
import { createDrivenClock } from "./driven-clock.ts";
import { startInProcess } from "./in-process-broker.ts";
import { isLongRun } from "./long-run.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const HALF_DAYS = isLongRun ? 60 : 3;
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

test(`in ${HALF_DAYS} half days of the whole daemon on real sockets, no pull fails, and memory and descriptors stay flat`, async () => {
  const clock = createDrivenClock();
  const registry = HOSTS.map((_host, index) => `127.0.0.${index + 1}:0`);
  const simulator = await startSimulator({ clock, registry });
  const endpoints = Object.fromEntries(HOSTS.map((host, index) => [host, simulator.registryUrls[index]?.origin]));
  const config = { registries: { prefetch: HOSTS, endpoints } };
  const daemon = await startInProcess({ clock, simulator, random: createSeededRandom(48), logLevel: "info", config });
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
