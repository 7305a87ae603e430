import type { HealthDetails } from "@ocir-broker/protocol/health";
import { describe, expect, test } from "vitest";
import { renderStatus } from "./status-table.ts";

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

const FAILED = { lastFailure: "registry-throttled", lastFailureSecondsAgo: 42, failuresInARow: 3 };
const { ageSeconds: _, expiresInSeconds: __, ...WITHOUT_TOKEN } = FRESH;

/** Each line that there is. */
const FULL: HealthDetails = {
  ...STATUS,
  serviceAccounts: 3,
  serviceAccountFailures: [{ account: "shop/puller", code: "cluster-basic", secondsAgo: 42 }],
  denied: [{ repository: "iad.ocir.io/acme/web", secondsAgo: 180 }],
  unwritten: { metrics: "ENOENT", state: "ENOSPC" },
  config: {
    ...CONFIG,
    ...{ inForce: "before", error: "config-invalid" },
    ...{ errorPlaces: ["line 3: proxy.https"], needRestart: ["request.deadline"] },
  },
  registries: {
    "iad.ocir.io": { ...FRESH, ageSeconds: 11_000, expiresInSeconds: 59, hits: 48_201 },
    "fra.ocir.io": { ...WITHOUT_TOKEN, ...FAILED, state: "backing-off", nextFetchInSeconds: null, failures: 3 },
  },
};

/** The clearing of a screen, and a line of its own. */
const HOSTILE = "\u001b[2J\u009b2J\n\u202e";

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
    const others = Object.fromEntries(
      Array.from({ length: 257 }, (_, at) => [`xx-${at}a-1.ocir.io`, { ...FRESH, lastSuccessSecondsAgo: null }]),
    );
    const text = renderStatus({ ...STATUS, registries: { ...others, "iad.ocir.io": FRESH } });
    expect(text.split("\n").filter((line) => line.includes(".ocir.io"))).toHaveLength(6);
    expect(text).toContain("\n5 of 257 hosts without a token\n");
  });

  test("names the setting for a host that nobody uses, without which the node stays degraded", () => {
    const neverWorked = { ...WITHOUT_TOKEN, ...FAILED, lastSuccessSecondsAgo: null };
    const advice = "if no pod pulls from fra.ocir.io, set in the configuration: registries.prefetch: []";
    expect(renderStatus({ ...STATUS, registries: { "fra.ocir.io": neverWorked } })).toContain(advice);
    const others = { "iad.ocir.io": { ...FRESH, ...FAILED }, "phx.ocir.io": { ...neverWorked, kept: false } };
    expect(renderStatus({ ...STATUS, registries: others })).not.toContain("prefetch");
  });

  test("removes control characters and line breaks from every field, and from a host's name", () => {
    const hostile = JSON.parse(JSON.stringify(FULL), (name, value) => {
      // No other text is shown as a time or a number in a row.
      if (/seconds|InARow/i.test(name) && value !== null) return "\n5";
      return /string|number/.test(typeof value) ? HOSTILE : value;
    });
    const failed = { ...hostile.session, ...hostile.registries["fra.ocir.io"], nextFetchInSeconds: "\n5" };
    const text = renderStatus({ ...hostile, registries: { [HOSTILE]: failed } });
    expect(text).toMatch(/^[\x20-\x7e\n]*$/);
    expect(text.split("\n")).toHaveLength(17);
  });

  test("names the file in the advice unless it is the default of config check", () => {
    const config = { ...FULL.config, path: "/home/me/config.yaml" } as HealthDetails["config"];
    expect(renderStatus({ ...FULL, config })).toContain("each error: ocir-broker config check /home/me/config.yaml\n");
  });

  test("prints the daemon's errors, its configuration, and one aligned row for the session and for each registry host", () => {
    expect(renderStatus(FULL)).toBe(
      [
        "ocir-broker 1.2.3: degraded, up 2 d 7 h, identity instance-principal, region us-ashburn-1",
        "3 service accounts with a session",
        "the metrics file cannot be written: ENOENT",
        "the state cannot be written, so a restart may lose tokens: ENOSPC",
        "  failed for shop/puller: cluster-basic, 42 s ago",
        "  denied: iad.ocir.io/acme/web, 3 min ago",
        "  to see why: ocir-broker doctor IMAGE",
        "configuration /etc/ocir-broker/config.yaml: config-invalid, the last valid configuration is in force",
        "  line 3: proxy.https",
        "  each error: ocir-broker config check",
        "  a restart is needed for request.deadline",
        "",
        "             STATE        AGE         ENDS IN  NEXT FETCH IN  HITS   FETCHES  FAILURES",
        "session      fresh        1 min       18 min   9 min          12     1        0",
        "iad.ocir.io  fresh        3 h 03 min  59 s     9 min          48201  1        0",
        "fra.ocir.io  backing-off  -           -        -              12     1        3",
        "  last failure: registry-throttled, 42 s ago, 3 in a row",
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
      "does not claim that the whole file is in force after it was changed, and checks it before a reload",
      { ...CONFIG, changed: true },
      "as the daemon last read it, the whole file is in force, but:\n" +
        "  it has changed since; to use it now: ocir-broker config check && systemctl reload ocir-broker\n",
    ],
    [
      "reports that the defaults are in force when there is no file",
      { ...CONFIG, inForce: "defaults" as const },
      "there is no such file, the defaults are in force\n",
    ],
  ])("%s, and that there is no session and no token yet", (_what, config, said) => {
    const fields = { status: "starting", region: null, session: null, serviceAccounts: 1 } as const;
    expect(renderStatus({ ...STATUS, ...fields, config })).toBe(
      "ocir-broker 1.2.3: starting, up 2 d 7 h, identity instance-principal, region not known yet\n1 service account with a session\n" +
        `configuration /etc/ocir-broker/config.yaml: ${said}\nno session and no token yet\n`,
    );
  });
});
