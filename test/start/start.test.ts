import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it } from "vitest";
import checkout from "../../package.json" with { type: "json" };

const start = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, "start.mjs"), ...args]);
  return { status, stdout: String(stdout), stderr: String(stderr) };
};

/** Runs npm's script in a checkout where nothing is installed, under this Node or one that says that it is Node 18. */
function runScript(name: keyof typeof checkout.scripts, isOld: boolean) {
  const folder = temporaryFolder();
  cpSync(join(import.meta.dirname, "ready.mjs"), join(folder, "test/start/ready.mjs"));
  const versions = '{ value: { ...process.versions, node: "18.20.8" } }';
  writeFileSync(join(folder, "old.mjs"), `Object.defineProperty(process, "versions", ${versions});`);
  const { status, stdout, stderr } = spawnSync("sh", ["-c", checkout.scripts[name]], {
    cwd: folder,
    encoding: "utf8",
    env: {
      ...{ PATH: process.env["PATH"], npm_lifecycle_event: name },
      ...(isOld ? { NODE_OPTIONS: "--import=./old.mjs" } : {}),
    },
  });
  return { status, stdout, stderr };
}

it.each(["start", "test", "check", "package"] as const)("npm %s prints one line if Node is too old", (name) => {
  const stderr = `npm ${name}: Node 18.20.8 is too old: 20 or newer is needed\n`;
  expect(runScript(name, true)).toEqual({ status: 1, stdout: "", stderr });
});

it.each(["test", "check"] as const)("npm %s says what to run before an installation", (name) => {
  const stderr = `npm ${name}: nothing is installed yet: run npm ci\n`;
  expect(runScript(name, false)).toEqual({ status: 1, stdout: "", stderr });
});

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
