import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";

const start = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, "start.mjs"), ...args]);
  return { status, stdout: String(stdout), stderr: String(stderr) };
};

it("npm start prints its usage for --help, without installing anything", () => {
  expect(start("--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("--stay "), stderr: "" });
});

it("npm start refuses an unknown argument", () => {
  expect(start("--stai")).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/unknown argument --stai\nusage: /),
  });
});

it("the demo pulls an image, then shows a denied one and its reason", () => {
  const shown = execFileSync(process.execPath, [join(import.meta.dirname, "demo.ts")], { encoding: "utf8" });
  expect(shown).toMatch(/with this response\n {2}pulled\n/);
  expect(shown).toMatch(/The same without a policy for the repository\n {2}failed: .*not authorized\n/);
  expect(shown).toMatch(/ {2}PROBLEM policy-missing: .*\n.*seen: acme\/shop\/web, /);
  expect(shown).not.toContain("kubelet-not-running");
});
