/** The demo of `npm start`. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";

const DEMO = join(import.meta.dirname, "../start/demo.ts");

it("the demo pulls an image, then shows a denied one and its reason", () => {
  const shown = execFileSync(process.execPath, [DEMO], { encoding: "utf8" });
  expect(shown).toMatch(/with this response\n {2}pulled\n/);
  expect(shown).toMatch(/The same without a policy for the repository\n {2}failed: .*not authorized\n/);
  expect(shown).toMatch(/ {2}PROBLEM policy-missing: .*\n.*seen: acme\/shop\/web, /);
  expect(shown).not.toContain("kubelet-not-running");
});
