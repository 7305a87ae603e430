import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { alertRules } from "./alert-rules.ts";
import type { ChartName } from "./formats/helm-chart.ts";

interface Rules {
  /** Recording rules have no annotations. */
  readonly groups: readonly {
    readonly rules: readonly { readonly annotations?: { readonly runbook_url: string } }[];
  }[];
}

const CHARTS: readonly ChartName[] = ["ocir-broker", "ocir-pull-secrets"];

function runbooks(environment: NodeJS.ProcessEnv, name: ChartName = "ocir-broker"): string[] {
  const { groups } = parse(alertRules(environment, name)) as Rules;
  return groups.flatMap(({ rules }) => rules.flatMap(({ annotations }) => annotations?.runbook_url ?? []));
}

describe("alertRules", () => {
  it("links every alert to the given documentation", () => {
    const found = CHARTS.flatMap((name) =>
      runbooks({ OCIR_BROKER_DOCS_URL: "https://git.example/acme/ocir-broker/blob/v1/" }, name),
    );
    expect(found.length).toBeGreaterThan(10);
    for (const url of found) {
      expect(url).toMatch(
        /^https:\/\/git\.example\/acme\/ocir-broker\/blob\/v1\/docs\/operations\.md#ocir(?:broker|pullsecrets)[a-z]+$/,
      );
    }
  });

  it("uses a placeholder when no address is given", () => {
    expect(runbooks({})[0]).toBe("https://ocir-broker.invalid/docs/operations.md#ocirbrokerdown");
  });

  it("rejects a value that is not the address of a folder", () => {
    expect(() => alertRules({ OCIR_BROKER_DOCS_URL: "docs" }, "ocir-broker")).toThrow("OCIR_BROKER_DOCS_URL must be");
  });
});
