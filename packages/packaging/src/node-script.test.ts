import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it } from "vitest";
import { NODE_SCRIPT, nodeScript } from "./node-script.ts";
import { CHECKOUT } from "./release.ts";

const VALUES = {
  version: "1.2.3",
  baseUrl: "https://b.example/p/a-b_c/n/o",
  sha256: { amd64: "a".repeat(64), arm64: "b".repeat(64) },
};

const script = nodeScript(VALUES);
const folder = temporaryFolder();
const path = join(folder, NODE_SCRIPT);
writeFileSync(path, script);

describe("nodeScript", () => {
  it("changes only the values of its first four lines of settings", () => {
    const source = readFileSync(join(CHECKOUT, "cloud-init", NODE_SCRIPT), "utf8").split("\n");
    const changed = script.split("\n").filter((line, at) => line !== source[at]);
    expect(changed).toEqual([
      "version=1.2.3",
      expect.stringMatching(/^sources='https:\/\/b\.example\/p\/a-b_c\/n\/o' # /),
      `sha256_amd64=${VALUES.sha256.amd64}`,
      `sha256_arm64=${VALUES.sha256.arm64}`,
    ]);
  });
});

describe("ocir-broker-node.sh, run by a person, changes nothing", () => {
  const state = join(folder, "state");
  writeFileSync(path, script.replace(/^state=.*/m, `state=${state}`));

  /** @param commands those that the script finds in place of the node's */
  function run(shell: string, commands: Readonly<Record<string, string>>) {
    for (const [name, text] of Object.entries(commands))
      writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return spawnSync(shell, [path], { encoding: "utf8", env: { PATH: `${folder}:/usr/bin:/bin` } });
  }

  it("as an ordinary user", () => {
    const { status, stderr } = run("sh", { id: "echo 1000" });
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining("ERROR: nothing was changed: run this script as root"),
    ]);
    expect(existsSync(state)).toBe(false);
  });

  it.each(["sh", "bash"])("in %s without a setting on a node whose kubelet runs, and names the setting", (shell) => {
    const { status, stderr } = run(shell, { id: "echo 0", systemctl: '[ "$*" = "-q is-active kubelet" ]' });
    expect([status, stderr]).toEqual([2, expect.stringContaining("a kubelet runs: set OCIR_BROKER_BOOTSTRAP=running")]);
  });
});
