/** The demo of `npm start`. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it } from "vitest";

const DEMO = join(import.meta.dirname, "../start/demo.ts");

it.each([
  ["with the programs of this machine", process.env["PATH"], /by \S.*\n {2}pulled\n/],
  ["with its own requests when there is neither skopeo nor podman", undefined, /by two requests\n {2}pulled\n/],
])("the demo pulls an image %s, then shows a denied one and its reason", async (_how, path, pulled) => {
  const env = { PATH: path ?? temporaryFolder() };
  const shown = execFileSync(process.execPath, [DEMO], { env, encoding: "utf8" });
  expect(shown).toMatch(pulled);
  expect(shown).toMatch(/The same without a policy for the repository\n {2}failed: .*not authorized\n/);
  expect(shown).toMatch(/ {2}PROBLEM policy-missing: .*\n.*seen: acme\/shop\/web, /);
  expect(shown).not.toContain("kubelet-not-running");
});
