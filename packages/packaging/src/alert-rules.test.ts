import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { alertRules } from "./alert-rules.ts";

interface Rules {
  /** Recording rules have no annotations. */
  readonly groups: readonly {
    readonly rules: readonly { readonly annotations?: { readonly runbook_url: string } }[];
  }[];
}

function runbooks(environment: NodeJS.ProcessEnv): string[] {
  const { groups } = parse(alertRules(environment)) as Rules;
  return groups.flatMap(({ rules }) => rules.flatMap(({ annotations }) => annotations?.runbook_url ?? []));
}

describe("alertRules", () => {
  it("links every alert to the given documentation", () => {
    const found = runbooks({ OCIR_BROKER_DOCS_URL: "https://git.example/acme/ocir-broker/blob/v1/" });
    expect(found.length).toBeGreaterThan(10);
    for (const url of found) {
      expect(url).toMatch(
        /^https:\/\/git\.example\/acme\/ocir-broker\/blob\/v1\/docs\/operations\.md#ocirbroker[a-z]+$/,
      );
    }
  });

  it("uses a placeholder when no address is given", () => {
    expect(runbooks({})[0]).toBe("https://ocir-broker.invalid/docs/operations.md#ocirbrokerdown");
  });

  it("rejects a value that is not the address of a folder", () => {
    expect(() => alertRules({ OCIR_BROKER_DOCS_URL: "docs" })).toThrow("OCIR_BROKER_DOCS_URL must be");
  });
});
