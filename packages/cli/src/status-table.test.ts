import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { HealthDetails } from "@ocir-broker/protocol/health";
import { describe, expect, test } from "vitest";
import { renderStatus, STATES, STATES_PAGE } from "./status-table.ts";

const FRESH: NonNullable<HealthDetails["session"]> = {
  state: "fresh",
  kept: true,
  ageSeconds: 61,
  expiresInSeconds: 1_139,
  nextFetchInSeconds: 540,
  lastSuccessSecondsAgo: 61,
  lastFailureSecondsAgo: null,
  lastFailure: null,
  failuresInARow: 0,
  hits: 12,
  fetches: 1,
  failures: 0,
  waiting: 0,
};

const STATUS: HealthDetails = {
  status: "degraded",
  version: "1.2.3",
  uptimeSeconds: 200_000,
  identity: "instance-principal",
  region: "us-ashburn-1",
  startedAt: "2026-01-01T00:00:00.000Z",
  config: null,
  session: FRESH,
  registries: {},
  unwritten: { metrics: null, state: null },
  serviceAccounts: null,
  serviceAccountFailures: [],
};

const CONFIG: NonNullable<HealthDetails["config"]> = {
  path: "/etc/ocir-broker/config.yaml",
  inForce: "all",
  error: null,
  errorPlaces: [],
  needRestart: [],
};

/** The clearing of a screen, and a line of its own. */
const HOSTILE = "\u001b[2J\u009b2J\n\u202e";

const FAILED = { ...FRESH, lastFailure: "tls", lastFailureSecondsAgo: 42, failuresInARow: 3 };
const hostile = (field: string): [string, object] => [field, { [field]: HOSTILE }];
const ofSession = (value: string) => (field: string) =>
  [field, { session: { ...FAILED, [field]: value } }] satisfies [string, object];

describe("renderStatus", () => {
  test("lists the service accounts whose pulls fail, the latest of at most 20 first", () => {
    const serviceAccountFailures = Array.from({ length: 22 }, (_, at) => ({
      account: at === 20 ? null : `shop/puller-${at}`,
      code: "cluster-basic",
      secondsAgo: 100 - at,
    }));
    const lines = renderStatus({ ...STATUS, serviceAccountFailures })
      .split("\n")
      .slice(1, 23);
    expect(lines.slice(0, 2)).toEqual([
      "  failed for shop/puller-21: cluster-basic, 1 min ago",
      "  failed for a service account's renewal: cluster-basic, 1 min ago",
    ]);
    expect(lines.slice(-2)).toEqual(["  and 2 more", ""]);
  });

  test("prints each host that had a token, and five others", () => {
    const failing = Object.fromEntries(
      Array.from({ length: 257 }, (_, at) => [`xx-${at}a-1.ocir.io`, { ...FAILED, lastSuccessSecondsAgo: null }]),
    );
    const text = renderStatus({ ...STATUS, registries: { ...failing, "iad.ocir.io": FRESH } });
    expect(text.split("\n").filter((line) => line.includes(".ocir.io"))).toHaveLength(6);
    expect(text).toContain("\n5 of 257 hosts without a token\n");
  });

  test.each<[string, object]>([
    ...["version", "status", "region", "identity"].map(hostile),
    ["uptimeSeconds", { uptimeSeconds: "\n5" }],
    ...["state", "hits", "fetches", "failures", "lastFailure"].map(ofSession(HOSTILE)),
    ...["ageSeconds", "expiresInSeconds", "nextFetchInSeconds"].map(ofSession("\n5")),
    ...["lastFailureSecondsAgo", "failuresInARow"].map(ofSession("\n5")),
    ["a registry's name", { session: null, registries: { [HOSTILE]: FRESH } }],
    ["a registry's state", { session: null, registries: { "iad.ocir.io": { ...FRESH, state: HOSTILE } } }],
  ])("removes control characters and line breaks from %s", (_what, fields) => {
    const text = renderStatus({ ...STATUS, ...fields });
    expect(text).toMatch(/^[\x20-\x7e\n]*$/);
    expect(text.split("\n")).toHaveLength(5);
  });

  test("removes control characters and line breaks from a service account's failure", () => {
    const failed = { account: HOSTILE, code: HOSTILE, secondsAgo: "\n5" as unknown as number };
    const text = renderStatus({ ...STATUS, serviceAccountFailures: [failed] });
    expect(text).toMatch(/^[\x20-\x7e\n]*$/);
    expect(text.split("\n")).toHaveLength(6);
  });

  test("prints the daemon's errors, its configuration, and one aligned row for the session and for each registry host", () => {
    const { ageSeconds: _, expiresInSeconds: __, ...none } = FRESH;
    const text = renderStatus({
      ...STATUS,
      serviceAccounts: 3,
      unwritten: { metrics: "ENOENT", state: "ENOSPC" },
      config: {
        ...CONFIG,
        ...{ inForce: "before", error: "config-invalid" },
        ...{ errorPlaces: ["line 3: proxy.https"], needRestart: ["request.deadline"] },
      },
      registries: {
        "iad.ocir.io": { ...FRESH, ageSeconds: 11_000, expiresInSeconds: 59, hits: 48_201 },
        "fra.ocir.io": {
          ...none,
          ...{ state: "backing-off", nextFetchInSeconds: null, failures: 3 },
          ...{ lastFailure: "registry-throttled", lastFailureSecondsAgo: 42, failuresInARow: 3 },
        },
      },
    });
    expect(text).toBe(
      [
        "ocir-broker 1.2.3: degraded, up 2 d 7 h, identity instance-principal, region us-ashburn-1, 3 service accounts",
        "the metrics file cannot be written: ENOENT",
        "the state cannot be written, so a restart may lose tokens: ENOSPC",
        "configuration /etc/ocir-broker/config.yaml: config-invalid, the previous configuration is in force",
        "  line 3: proxy.https",
        "  each error: ocir-broker config check",
        "  a restart is needed for request.deadline",
        "",
        "             STATE        AGE         ENDS IN  NEXT FETCH IN  HITS   FETCHES  FAILURES  LAST FAILURE",
        "session      fresh        1 min       18 min   9 min          12     1        0         -",
        "iad.ocir.io  fresh        3 h 03 min  59 s     9 min          48201  1        0         -",
        "fra.ocir.io  backing-off  -           -        -              12     1        3         registry-throttled, 42 s ago, 3 in a row",
        "",
      ].join("\n"),
    );
  });

  test.each([
    [
      "does not claim that the whole file is in force when a key needs a restart",
      { ...CONFIG, needRestart: ["proxy.https"] },
      "the whole file is in force, but:\n  a restart is needed for proxy.https\n",
    ],
    [
      "reports that the defaults are in force when there is no file",
      { ...CONFIG, inForce: "defaults" as const },
      "there is no such file, the defaults are in force\n",
    ],
  ])("%s, and that there is no session and no token yet", (_what, config, said) => {
    const fields = { status: "starting", region: null, session: null, serviceAccounts: 1 } as const;
    expect(renderStatus({ ...STATUS, ...fields, config })).toBe(
      "ocir-broker 1.2.3: starting, up 2 d 7 h, identity instance-principal, region not known yet, 1 service account\n" +
        `configuration /etc/ocir-broker/config.yaml: ${said}\nno session and no token yet\n`,
    );
  });
});

test("STATES are those of the page that the help names", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/reference/cache-states.md"), "utf8");
  expect(STATES_PAGE).toContain(`"${page.slice("# ".length, page.indexOf("\n"))}"`);
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, state]) => state);
  expect([...new Set(rows)]).toEqual(Object.keys(STATES));
});
