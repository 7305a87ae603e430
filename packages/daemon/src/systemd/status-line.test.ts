import type { FetchDetails, HealthDetails } from "@ocir-broker/protocol/health";
import { expect, it } from "vitest";
import { statusText } from "./status-line.ts";

const resting: FetchDetails = {
  state: "fresh",
  kept: false,
  nextFetchInSeconds: null,
  lastSuccessSecondsAgo: null,
  lastFailureSecondsAgo: null,
  lastFailure: null,
  failuresInARow: 0,
  hits: 0,
  fetches: 0,
  failures: 0,
  waiting: 0,
};

function fresh(ageSeconds: number, expiresInSeconds: number, nextFetchInSeconds: number): FetchDetails {
  return { ...resting, ageSeconds, expiresInSeconds, nextFetchInSeconds };
}

function failing(
  lastFailure: string,
  details: FetchDetails = { ...resting, state: "backing-off", kept: true },
): FetchDetails {
  return { ...details, lastFailure, failuresInARow: 3 };
}

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
      "typo.ocir.io": { ...resting, state: "empty" },
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
