import { describe, expect, it } from "vitest";
import { alertRules } from "./alert-rules.ts";
import type { ChartName } from "./formats/helm-chart.ts";

const runbooks = (environment: NodeJS.ProcessEnv, name: ChartName = "ocir-broker") =>
  [...alertRules(environment, name).matchAll(/^ +runbook_url: (.*)$/gm)].map(([, url]) => url);

describe("alertRules", () => {
  it("links every alert to the given documentation", () => {
    const environment = { OCIR_BROKER_DOCS_URL: "https://git.example/acme/ocir-broker/blob/v1/" };
    const found = [...runbooks(environment), ...runbooks(environment, "ocir-pull-secrets")];
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
