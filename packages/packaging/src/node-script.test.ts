import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
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
/** Of a script that is read before it runs as root. */
const LIMITS = { lines: 335, columns: 110, bytes: 15_250 };
const NOBODY = 65_534;

const script = nodeScript(VALUES);
const folder = temporaryFolder();
const path = join(folder, NODE_SCRIPT);
writeFileSync(path, script);
chmodSync(folder, 0o755);

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

  it("stays short enough to be read, in a checkout and in a release", () => {
    const source = readFileSync(join(CHECKOUT, "cloud-init", NODE_SCRIPT), "utf8");
    expect(source.length).toBeLessThanOrEqual(LIMITS.bytes);
    expect(source.trimEnd().split("\n").length).toBeLessThanOrEqual(LIMITS.lines);
    expect(source.split("\n").filter((line) => line.length > LIMITS.columns)).toEqual([]);
  });
});

describe("ocir-broker-node.sh, run by an ordinary user,", () => {
  function run(args: readonly string[], env: Readonly<Record<string, string>> = {}, shell = "sh") {
    const identity = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
    return spawnSync(shell, [path, ...args], { encoding: "utf8", env: { PATH: "/usr/bin:/bin", ...env }, ...identity });
  }

  it("prints its usage with --help, whatever else is given", () => {
    const { status, stdout } = run(["--running", "--help", "--typo"], {});
    expect([status, stdout]).toEqual([
      0,
      expect.stringMatching(/usage: sudo sh .*\n# --running: .*\nservice_accounts= # .*\nkubelet_extra_args/s),
    ]);
  });

  it.each(["sh", "bash"])("reports in %s that it needs root, before it waits for anything", (shell) => {
    const { status, stderr } = run(["--running"], {}, shell);
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining("ERROR: nothing was changed or bootstrapped: run it as root\n"),
    ]);
  });

  it("refuses to run without settings on a node whose kubelet runs, and names them", () => {
    // With root's rights for `id` alone, so that the script could change nothing if it went on.
    for (const [name, text] of [
      ["id", "echo 0"],
      ["systemctl", '[ "$*" = "-q is-active kubelet" ]'],
    ] as const)
      writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    const { status, stderr } = run([], { PATH: `${folder}:/usr/bin:/bin` });
    expect([status, stderr]).toEqual([2, expect.stringContaining("a kubelet runs: use --running, or --bootstrap")]);
  });
});
