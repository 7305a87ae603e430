/**
 * The fleet's figures, and that docs/fleet.md tells them. After a change of policy or model, write them anew with
 * `UPDATE_FLEET=1 npx vitest run --config vitest.system.config.ts fleet`, and read what the text says about them.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { drawFleet } from "./fleet-plot.ts";
import {
  evennessAfterBoot,
  evennessTable,
  failedAtFirst,
  overviewTable,
  type PolicyRow,
  policyTable,
  type Runs,
  timeTable,
} from "./fleet-tables.ts";
import { evennessOf } from "./renewal-instants.ts";
import { runScenario, SCENARIOS, type Scenario } from "./scenarios.ts";

const DOCS = join(import.meta.dirname, "../../../docs");
const PAGE = join(DOCS, "fleet.md");
const PICTURE = join(DOCS, "pictures/fleet.svg");

const isUpdate = process.env["UPDATE_FLEET"] === "1";

const MINUTES = {
  boot: [0, 1, 2, 5, 10, 20, 30, 40, 60, 90, 119],
  outage: [0, 10, 20, 30, 45, 59, 60, 61, 65, 75, 119],
  restart: [0, 5, 10, 16, 17, 20, 30, 45, 60, 119],
} as const;

const runs = {} as Record<Scenario["name"], Runs>;
let policies: PolicyRow[] = [];

beforeAll(async () => {
  for (const scenario of SCENARIOS) {
    runs[scenario.name] = {
      broker: await runScenario(scenario, "broker"),
      exec: await runScenario(scenario, "exec"),
      cachedExec: await runScenario(scenario, "cachedExec"),
    };
  }
  policies = (
    [
      ["jitterOnly", 10_000],
      ["spreadFirst", 10_000],
      ["hashedPhase", 10_000],
      ["addressPhase", 10_000],
      ["givenPhase", 10_000],
      ["jitterOnly", 100_000],
      ["spreadFirst", 100_000],
      ["jitterOnly", 200_000],
      ["spreadFirst", 200_000],
    ] as const
  ).map(([policy, nodes]) => ({ policy, nodes, evenness: evennessOf(policy, nodes) }));
}, 600_000);

describe("a fleet that booted in one instant", () => {
  it("asks evenly from its first renewals on: no minute above 1.25 times the mean", () => {
    for (const { name, mean, peakMinute } of evennessAfterBoot(runs.boot.broker)) {
      expect(peakMinute / mean, name).toBeLessThan(1.25);
    }
  });

  it("has no second above what chance alone brings", () => {
    for (const { name, peakSecond, expectedPeakSecond } of evennessAfterBoot(runs.boot.broker)) {
      expect(peakSecond / expectedPeakSecond, name).toBeLessThan(1.25);
    }
  });

  it("has no second above 1.5 times the mean where it is large enough for the mean to show", () => {
    const { evenness } = policies.find(
      ({ policy, nodes }) => policy === "spreadFirst" && nodes === 200_000,
    ) as PolicyRow;
    expect(evenness.peakSecond / evenness.mean).toBeLessThan(1.5);
  });

  it("would ask in waves with jitter alone", () => {
    const { evenness } = policies.find(({ policy, nodes }) => policy === "jitterOnly" && nodes === 10_000) as PolicyRow;
    expect(evenness.peakMinute / evenness.mean).toBeGreaterThan(2);
  });
});

describe("an outage of the token service", () => {
  it("asks no more of the other services than before", () => {
    const { traffic, scenario } = runs.outage.broker;
    const [fromS, untilS] = [scenario.warmUpS, scenario.warmUpS + scenario.lengthS];
    for (const service of ["metadata", "auth"] as const) {
      const { asked } = traffic[service];
      expect(asked.peakMinute(fromS, untilS) / asked.mean(fromS, untilS)).toBeLessThan(1.25);
    }
  });

  it("fails fewer pulls than with an exec", () => {
    expect(failedAtFirst(runs.outage.broker)).toBeLessThan(failedAtFirst(runs.outage.cachedExec));
    expect(failedAtFirst(runs.outage.cachedExec)).toBeLessThan(failedAtFirst(runs.outage.exec));
  });
});

describe("docs/fleet.md", () => {
  it("has these figures", () => {
    const blocks: Record<string, string> = {
      policies: policyTable(policies),
      evenness: evennessTable(runs.boot),
    };
    for (const { name } of SCENARIOS) {
      blocks[name] = overviewTable(runs[name]);
      blocks[`${name} over time`] = timeTable(runs[name], MINUTES[name]);
    }
    const page = readFileSync(PAGE, "utf8");
    const updated = Object.entries(blocks).reduce((text, [name, block]) => withBlock(text, name, block), page);
    if (isUpdate) writeFileSync(PAGE, updated);
    expect(readFileSync(PAGE, "utf8")).toBe(updated);
  });

  it("shows this picture", () => {
    const picture = drawFleet(SCENARIOS.map(({ name }) => runs[name]));
    if (isUpdate) writeFileSync(PICTURE, picture);
    expect(readFileSync(PICTURE, "utf8")).toBe(picture);
  });
});

/** Puts `block` between the marks of its name. */
function withBlock(page: string, name: string, block: string): string {
  const [begin, end] = [`<!-- ${name} -->\n`, `\n<!-- end of ${name} -->`];
  const [from, until] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || until < from) throw new Error(`docs/fleet.md has no place for "${name}"`);
  return page.slice(0, from + begin.length) + block + page.slice(until);
}
