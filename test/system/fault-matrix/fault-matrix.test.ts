import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startSimulator } from "@ocir-broker/oci-simulator/simulator";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it, onTestFinished } from "vitest";
import { startConnectProxy } from "../../connect-proxy.ts";
import { expectTables } from "../../documentation/generated-table.ts";
import { type Place, runCell } from "./cell.ts";
import { COMBINATIONS, type Combination } from "./combinations.ts";
import { createFastClock } from "./fast-clock.ts";
import { type Row, rowKey, tablesOf } from "./table.ts";

const PAGE = join(import.meta.dirname, "expected.txt");

/** A request's 15 s and an upstream request's 8 s take half of that; a busy machine must not look like a hanging service. */
const SPEED = 2;
const REQUEST_LIMIT_MS = 4_000;
const UPSTREAM = { upstream: { timeout: `${REQUEST_LIMIT_MS}ms`, connectTimeout: "1500ms" } };

const LANES = 14;
/** Lanes for the region, which only matters if it determines the auth service: behind a proxy, with TLS. */
const REGION_LANES = 3;

/** So that with a `Date` that is 10 min off, a session lives for the 20 min between two steps of a warm cell. */
const LIVES = { sessionLifeMs: 30 * 60_000 };

/** Each place has its own addresses, so that no other process can get a port that is closed for a while. */
async function openPlace(lane: number, isRegional: boolean): Promise<Place> {
  const clock = createFastClock(SPEED, REQUEST_LIMIT_MS);
  const addresses = { metadata: `127.7.${lane}.1:0`, auth: `127.7.${lane}.2:0`, registry: `127.7.${lane}.3:0` };
  const simulator = await startSimulator({
    clock,
    tls: isRegional,
    multiValuedSubject: isRegional,
    ...LIVES,
    ...addresses,
  });
  onTestFinished(() => simulator.close());
  if (!isRegional) {
    const registries = { endpoints: { "iad.ocir.io": simulator.registryUrl.origin } };
    // The home region's host, as without configuration: an endpoint alone does not pin it.
    return { clock, simulator, config: { ...UPSTREAM, registries }, environment: {} };
  }
  const caFile = join(temporaryFolder(), "ca.pem");
  writeFileSync(caFile, String(simulator.caCertificate));
  const { authUrl, registryUrl } = simulator;
  const https = await startConnectProxy((target) => (target.startsWith("auth.") ? authUrl : registryUrl));
  const config = { ...UPSTREAM, auth: {}, proxy: { https } };
  return { clock, simulator, config, environment: { SSL_CERT_FILE: caFile } };
}

it("expected.txt has what happens for each fault at each upstream, cold and warm", async () => {
  const rows = new Map<string, Partial<Row>>();
  const failures: string[] = [];

  async function run(place: Place, combination: Combination, kind: "cold" | "warm"): Promise<void> {
    const key = rowKey(combination);
    try {
      const outcome = await runCell(place, combination, kind);
      rows.set(key, { ...rows.get(key), [kind]: outcome });
    } catch (error) {
      failures.push(`${key}, ${kind}: ${error instanceof Error ? error.message : error}`);
    }
  }

  const both = COMBINATIONS.flatMap((each) => (["cold", "warm"] as const).map((kind) => [each, kind] as const));
  const { regional = [], others = [] } = Object.groupBy(both, ([{ upstream }]) =>
    upstream === "region" ? "regional" : "others",
  );

  async function runLane(lane: number): Promise<void> {
    const isRegional = lane < REGION_LANES;
    const place = await openPlace(lane, isRegional);
    const queue = isRegional ? regional : others;
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await run(place, ...next);
  }

  await Promise.all(Array.from({ length: LANES }, (_, lane) => runLane(lane)));
  expect(failures).toEqual([]);
  await expectTables(PAGE, tablesOf(rows as ReadonlyMap<string, Row>));
}, 600_000);
