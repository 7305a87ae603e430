import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it } from "vitest";
import { NODE_SCRIPT, packedNodeScript, plainNodeScript } from "./node-script.ts";

const VALUES = {
  version: "1.2.3",
  baseUrl: "https://b.example/p/a-b_c/n/o",
  sha256: { amd64: "a".repeat(64), arm64: "b".repeat(64) },
};
/** The bar for a script that fits into user data next to others. */
const LIMIT_BYTES = 14_000;

const plain = plainNodeScript(VALUES);
const folder = temporaryFolder();

function write(text: string): string {
  const path = join(folder, NODE_SCRIPT);
  writeFileSync(path, text);
  return path;
}

/** Runs the lines of the plain script that set version, sources and checksums. */
function settingsWith(env: Readonly<Record<string, string>>): string {
  const lines = plain.match(/^(?:version=|release|\[ "\$version"|sources=).*$/gm)?.join("\n");
  const show = `echo "$version|$sources|$release_sha256_arm64"`;
  return execFileSync("sh", ["-uc", `${lines}\n${show}`], { env, encoding: "utf8" }).trim();
}

describe("plainNodeScript", () => {
  it.each([
    [{}, `1.2.3|/opt/ocir-broker ${VALUES.baseUrl}|${"b".repeat(64)}`],
    [{ OCIR_BROKER_SOURCES: "https://m" }, `1.2.3|/opt/ocir-broker https://m|${"b".repeat(64)}`],
    [{ OCIR_BROKER_VERSION: "1.2.3" }, `1.2.3|/opt/ocir-broker ${VALUES.baseUrl}|${"b".repeat(64)}`],
    [{ OCIR_BROKER_VERSION: "1.2.4" }, "1.2.4|/opt/ocir-broker|"],
  ])("with %j uses the release's values where they apply", (env, expected) => {
    expect(settingsWith(env).replace(" |", "|")).toBe(expected);
  });
});

describe("packedNodeScript", () => {
  const packed = packedNodeScript(plain, VALUES.version);

  it("leaves room for other user data", () => {
    expect(packed.length).toBeLessThanOrEqual(LIMIT_BYTES);
  });

  it("unpacks to exactly the plain script with the command in its header", () => {
    write(packed);
    const command = /^# {3}(sed .*)$/m.exec(packed)?.[1];
    expect(execFileSync("sh", ["-c", String(command)], { cwd: folder, encoding: "utf8" })).toBe(plain);
  });

  it.each(["sh", "bash"])("runs in %s with the given arguments, and returns the exit status", (shell) => {
    const content = 'printf "%s|" "$0" "$@"; exit 3\n';
    const path = write(packedNodeScript(content, "1.2.3"));
    const { status, stdout, stderr } = spawnSync(shell, [path, "--a", "b c"], { encoding: "utf8" });
    expect([status, stdout, stderr]).toEqual([3, `${path}|--a|b c|`, ""]);
  });

  it("runs nothing when a byte of the script has changed", () => {
    const path = write(packedNodeScript("echo ran\n".repeat(50), "1.2.3").replace("packed='\nH4sI", "packed='\nH4sJ"));
    const { status, stdout, stderr } = spawnSync("sh", [path], { encoding: "utf8" });
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("ERROR: the script cannot be unpacked");
  });
});
