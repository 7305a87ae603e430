/** The pictures in docs/ are not older than the words of the commands that they show. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DIAGNOSES } from "@ocir-broker/doctor/diagnoses";
import { describe, expect, it } from "vitest";
import { renderStatus } from "../../packages/cli/src/status-table.ts";

const rowsIn = (svg: string): string[] =>
  [...svg.matchAll(/<text [^>]*preserve">(.*)<\/text>/g)].map(([, row = ""]) => row);

describe("docs/pictures", () => {
  const picture = (name: string) => readFileSync(join(import.meta.dirname, "../../docs/pictures", name), "utf8");
  const escaped = (text: string) => text.replaceAll("<", "&lt;").replaceAll(">", "&gt;");

  it("shows doctor's findings in doctor's current words", () => {
    const known = Object.entries(DIAGNOSES).map(([name, { verdict, means }]) =>
      escaped(verdict === "ok" ? means : `${name}: ${means}`),
    );
    // The service is named instead.
    const asWorded = (text: string) => text.replace(/^the (?:auth service|registry) can/, "the service can");
    const shown = rowsIn(picture("doctor.svg")).flatMap(
      (row) => /^<tspan[^>]*>\w+ +<\/tspan>(.*)/.exec(row)?.[1] ?? [],
    );
    expect(shown.length).toBeGreaterThan(10);
    expect(shown.filter((text) => !known.some((words) => asWorded(text).startsWith(words)))).toEqual([]);
  });

  it("shows the columns of status", () => {
    const session = { state: "fresh", kept: true, hits: 0, fetches: 0, failures: 0, lastFailure: null };
    const status = {
      version: "0",
      status: "ok",
      uptimeSeconds: 0,
      region: null,
      config: null,
      serviceAccounts: null,
      registries: {},
      session,
    };
    const [, , header = ""] = renderStatus(status as unknown as Parameters<typeof renderStatus>[0]).split("\n");
    const wordsOf = (row: string) => row.trim().split(/ {2,}/);
    expect(rowsIn(picture("status.svg")).map(wordsOf)).toContainEqual(wordsOf(header));
  });
});
