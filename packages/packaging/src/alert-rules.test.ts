import { expect, it } from "vitest";
import { alertRules } from "./alert-rules.ts";

it("alertRules links every alert to the release's documentation", () => {
  const release = { version: "1.2.3", epochS: 1 };
  const rules = [alertRules(release, "ocir-broker"), alertRules(release, "ocir-pull-secrets")].join("\n");
  const found = [...rules.matchAll(/^ +runbook_url: (.*)$/gm)].map(([, url]) => url);
  expect(found.length).toBeGreaterThan(10);
  for (const url of found)
    expect(url).toMatch(
      /^https:\/\/github\.com\/[\w-]+\/ocir-broker\/blob\/v1\.2\.3\/docs\/operations\.md#ocir(?:broker|pullsecrets)[a-z]+$/,
    );
});
