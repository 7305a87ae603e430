import type { FetchDetails, HealthDetails } from "@ocir-broker/protocol/health";
import { expect, it } from "vitest";
import { statusText } from "./status-line.ts";

/** The fields that the line shows, by default of a host without a token. */
const detailsOf = (details: Partial<FetchDetails> = {}) =>
  ({ kept: false, nextFetchInSeconds: null, lastFailure: null, failuresInARow: 0, ...details }) as FetchDetails;

const fresh = (ageSeconds: number, expiresInSeconds: number, nextFetchInSeconds: number) =>
  detailsOf({ ageSeconds, expiresInSeconds, nextFetchInSeconds });

const failing = (lastFailure: string, details = detailsOf({ kept: true })): FetchDetails => ({
  ...details,
  lastFailure,
  failuresInARow: 3,
});

const session = fresh(240, 960, 130);

it.each<[string, HealthDetails["session"], HealthDetails["registries"], string | undefined, string]>([
  [
    "a registry host that is served",
    session,
    { "iad.ocir.io": fresh(720, 2_880, 1_100) },
    undefined,
    "serving 1 registry host (iad.ocir.io 12 min old with 48 min left); session 4 min old with 16 min left; next renewal in 2 min",
  ],
  [
    "more hosts than are named",
    session,
    Object.fromEntries(["a", "b", "c", "d", "e"].map((name) => [`${name}.ocir.io`, fresh(10, 7_200, 59)])),
    undefined,
    "serving 5 registry hosts (a.ocir.io <1 min old with 2 h left, b.ocir.io <1 min old with 2 h left, c.ocir.io <1 min old with 2 h left, 2 more); session 4 min old with 16 min left; next renewal in <1 min",
  ],
  ["a start", null, {}, undefined, "no token yet; no session; no renewal due"],
  [
    "an outage since the start, once for the session and its hosts",
    failing("metadata-unreachable"),
    { "iad.ocir.io": failing("metadata-unreachable") },
    undefined,
    "no token yet; no session; no renewal due; failing with metadata-unreachable",
  ],
  [
    "an outage while tokens are served",
    failing("federation-unavailable", session),
    {
      "iad.ocir.io": failing("registry-throttled", fresh(720, 2_880, 0)),
      "typo.ocir.io": detailsOf(),
    },
    undefined,
    "serving 1 registry host (iad.ocir.io 12 min old with 48 min left); session 4 min old with 16 min left; next renewal in <1 min; failing with federation-unavailable, registry-throttled",
  ],
  [
    "a note",
    session,
    {},
    "configuration not reloaded",
    "no token yet; session 4 min old with 16 min left; next renewal in 2 min; configuration not reloaded",
  ],
])("statusText describes %s", (_what, itsSession, registries, note, line) => {
  expect(statusText({ session: itsSession, registries }, note)).toBe(line);
});
