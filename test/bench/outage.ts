/**
 * Pulls during an outage of Oracle's token, auth and metadata services of 40 minutes: of nodes with our daemon, of clusters whose
 * pull secret is renewed by a CronJob of Oracle's tools, and of Oracle's provider. The first two are the real daemon on a clock that
 * this moves, minute by minute; Oracle's provider remembers nothing between two calls, so it is called in real time.
 */
import { once } from "node:events";
import { rmSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { configOf, daemonSections } from "@ocir-broker/config/test/config";
import { startDaemon } from "@ocir-broker/daemon/daemon";
import { startSimulator } from "@ocir-broker/oci-simulator/simulator";
import { credentialProviderRequest } from "@ocir-broker/testkit/credential-provider-call";
import type { FakeClock } from "@ocir-broker/testkit/fake-clock";
import { createSeededRandom } from "@ocir-broker/testkit/seeded-random";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { createRecordedLog } from "../../packages/daemon/test/recorded-log.ts";
import { createDrivenClock } from "../system/driven-clock.ts";

export const OUTAGE_MIN = 40;
export const OUTAGE = { endpoint: ["metadata.*", "auth.*", "registry.token"] as const, status: 503 } as const;
const BEFORE_MIN = 15;
const AFTER_MIN = 75;
/** When each has started: evenly spread over an hour, and over the half hour between two renewals. */
const PHASES_MIN = [0, 10, 20, 35, 45, 55];
const MINUTE_MS = 60_000;
const HOUR_MIN = 60;
/** Of real time, on a busy machine too. */
const RECEIVED_MS = 100;
const STILL_MS = 40;
const HOST = "iad.ocir.io";
const IMAGE = `${HOST}/acme/shop/web:1`;

/** How many of all could pull at this minute of the outage, in per cent. */
export interface Minute {
  readonly minute: number;
  readonly served: number;
}

type Daemon = Awaited<ReturnType<typeof startDaemon>>;

export const MINUTES: readonly number[] = Array.from(
  { length: BEFORE_MIN + AFTER_MIN },
  (_, index) => index - BEFORE_MIN,
);

export async function measureOutage() {
  const nodes = await Promise.all(PHASES_MIN.map((phaseMin, node) => runNode(node, phaseMin)));
  const shareOf = (read: (node: (typeof nodes)[number]) => readonly boolean[]): Minute[] =>
    MINUTES.map((minute, index) => ({
      minute,
      served: (100 * nodes.filter((node) => read(node)[index]).length) / PHASES_MIN.length,
    }));
  return { ours: shareOf(({ ours }) => ours), cronJob: shareOf(({ cronJob }) => cronJob) };
}

/** @param phaseMin how long the node has run when its minutes begin, beyond an hour */
async function runNode(seed: number, phaseMin: number) {
  const clock = createDrivenClock();
  const simulator = await startSimulator({ clock });
  const folder = temporaryFolder();
  const random = createSeededRandom(seed);
  /** The daemon must have the whole request before time passes, or it would end the connection. */
  const pulled = async (socketPath: string) => {
    const token = tokenFrom(socketPath).catch(() => "");
    await Promise.race([token, setTimeout(RECEIVED_MS)]);
    return clock.drive(token);
  };
  const start = async (name: string) => {
    const sections = daemonSections(simulator, join(folder, name), [HOST]);
    const config = configOf({
      ...sections,
      sockets: { credentials: `${folder}/${name}.c`, health: `${folder}/${name}.h` },
      metrics: { textfile: `${folder}/${name}.prom` },
      registries: { ...sections.registries, prefetch: [HOST] },
    });
    const { log } = createRecordedLog("info");
    const daemon = await startDaemon({
      clock,
      config,
      log,
      random,
      environment: {},
      version: "0.1.0",
      pid: process.pid,
    });
    await untilStill(daemon);
    return { daemon, token: () => pulled(config.sockets.credentials) };
  };
  const canPull = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` };
    const { status } = await fetch(new URL("/v2/acme/shop/web/manifests/1", simulator.registryUrl), { headers });
    return status === 200;
  };
  /** As its script does: one try an hour, whose result replaces the Secret, even if it is none. */
  const runJob = async () => {
    const { daemon, token } = await start("job");
    const fetched = await token();
    await daemon.close();
    return fetched;
  };

  const node = await start("node");
  await node.token();
  const firstMinute = -BEFORE_MIN - HOUR_MIN - phaseMin;
  let secret = "";
  const [ours, cronJob]: [boolean[], boolean[]] = [[], []];
  for (let minute = firstMinute; minute < AFTER_MIN; minute++) {
    if (minute === 0) simulator.faults({ ...OUTAGE, endpoint: [...OUTAGE.endpoint] });
    if (minute === OUTAGE_MIN) simulator.clearFaults();
    if ((minute - firstMinute) % HOUR_MIN === 0) secret = await runJob();
    if (minute >= -BEFORE_MIN) {
      ours.push(await canPull(await node.token()));
      cronJob.push(await canPull(secret));
    }
    await passMinute(clock, node.daemon);
  }
  await node.daemon.close();
  await simulator.close();
  rmSync(folder, { recursive: true });
  return { ours, cronJob };
}

/** Empty without one. */
async function tokenFrom(socketPath: string): Promise<string> {
  const outgoing = request({ socketPath, method: "POST", path: "/v1/credentials", agent: false });
  outgoing.end(credentialProviderRequest({ image: IMAGE }));
  const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
  const body = await text(incoming);
  return incoming.statusCode === 200 ? (JSON.parse(body).auth[HOST]?.password ?? "") : "";
}

/** Moves the clock from timer to timer, and lets requests end in between. */
async function passMinute(clock: FakeClock, daemon: Daemon): Promise<void> {
  const endsAtMs = clock.monotonicMs() + MINUTE_MS;
  for (let leftMs = MINUTE_MS; leftMs > 0; leftMs = endsAtMs - clock.monotonicMs()) {
    await clock.advance(Math.min(leftMs, clock.armed()[0] ?? leftMs));
    await untilStill(daemon);
  }
}

/** A fetch that goes on is in a pause, for which the clock has to move. */
async function untilStill(daemon: Daemon): Promise<void> {
  const endsAtMs = performance.now() + STILL_MS;
  while (isFetching(daemon) && performance.now() < endsAtMs) await setTimeout(1);
}

/** Whether a session or a token is being fetched: no next fetch of it is planned. */
function isFetching(daemon: Daemon): boolean {
  const { session, registries } = daemon.health.details();
  if (session?.state === "backing-off") return false;
  return [session, ...Object.values(registries)].some((each) => each?.kept && each.nextFetchInSeconds === null);
}
