/**
 * A built release, signed with a test key: the commands of docs/verify.md accept it, and refuse it after one byte of any file is
 * changed.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { beforeAll, expect, it } from "vitest";
import { commandsOn } from "../documentation/pages.ts";
import { describeUnless } from "./describe-unless.ts";
import { buildPackages, CHECKOUT, cannotPackage, PACKAGES } from "./packages/built-packages.ts";

const BUILD_LIMIT_MS = 900_000;
const [tool] = ["gpg", "gpgv", "rpmsign"].filter((name) => spawnSync(name, ["--version"]).status !== 0);

describeUnless(cannotPackage() ?? (tool && `needs ${tool}`), "a signed release", () => {
  const scratch = temporaryFolder();
  const folder = join(scratch, "release");
  let secretKey = "";
  const env = { PATH: process.env["PATH"], HOME: scratch, TMPDIR: scratch, GNUPGHOME: join(scratch, "gnupg") };
  const sign = (key: string, made = folder) =>
    spawnSync(join(CHECKOUT, ".ci/release-sign"), [made], {
      env: { ...env, OCIR_BROKER_SIGNING_KEY: key },
      encoding: "utf8",
    });
  const headers = (of: string) =>
    execFileSync("sh", ["-c", "rpm -qp --qf '%{SHA256HEADER} ' ./*.rpm"], { cwd: of, env, encoding: "utf8" });

  /** All commands of the page, as one consumer runs them. */
  function verify(): { status: number | null; output: string } {
    const page = commandsOn("release").map(({ text }) => text);
    const script = ["set -euo pipefail", ...page].join("\n");
    const { status, stdout, stderr } = spawnSync("bash", ["-c", script], { cwd: folder, env, encoding: "utf8" });
    return { status, output: `${stdout}${stderr}` };
  }

  beforeAll(async () => {
    await buildPackages();
    cpSync(PACKAGES, folder, { recursive: true });
    mkdirSync(env.GNUPGHOME, { mode: 0o700 });
    writeFileSync(join(scratch, ".rpmmacros"), `%_dbpath ${scratch}/rpmdb\n`);
    const identity = "a key for tests";
    execFileSync("gpg", ["--batch", "--quiet", "--passphrase", "", "--quick-generate-key", identity, "rsa3072"], {
      env,
    });
    secretKey = execFileSync("gpg", ["--batch", "--armor", "--export-secret-keys"], { env, encoding: "utf8" });
    const { status, stderr } = sign(secretKey);
    expect([status, stderr]).toEqual([0, ""]);
    return () => void spawnSync("gpgconf", ["--kill", "all"], { env });
  }, BUILD_LIMIT_MS);

  it("passes the page's commands, and differs from the unsigned release only by the signatures", () => {
    expect(verify()).toMatchObject({ status: 0 });
    expect(headers(folder)).toBe(headers(PACKAGES));
    const [unsigned, signed] = [PACKAGES, folder].map((of) => readFileSync(join(of, "SHA256SUMS"), "utf8").split("\n"));
    const others = unsigned?.filter((line) => !line.endsWith(".rpm"));
    expect(signed).toEqual(expect.arrayContaining(others ?? []));
  });

  it("fails them when one byte of any file has changed", { timeout: BUILD_LIMIT_MS }, () => {
    const names = readdirSync(folder).filter((name) => !name.startsWith("."));
    expect(names.length).toBeGreaterThan(20);
    const accepted = names.filter((name) => {
      const path = join(folder, name);
      const content = readFileSync(path);
      const changed = Buffer.from(content);
      const middle = content.length >> 1;
      changed[middle] = Number(content[middle]) ^ 1;
      writeFileSync(path, changed);
      const { status } = verify();
      writeFileSync(path, content);
      return status === 0;
    });
    expect(accepted).toEqual([]);
  });

  it("cannot be signed again when a file has changed, nor a folder without a release", () => {
    expect(sign(secretKey, scratch).stderr).toContain(`there is no release in ${scratch}: run npm run package first`);
    const path = join(folder, "INDEX.txt");
    const content = readFileSync(path);
    writeFileSync(path, "");
    expect(sign(secretKey).stderr).toContain("differ from its SHA256SUMS");
    writeFileSync(path, content);
  });
});
