import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it } from "vitest";
import { checkStaticLibrary } from "./static-library.ts";
import { TARGETS, type Target } from "./target.ts";

const [MUSL] = TARGETS as [Target];

function compile(compiler: string): string {
  const program = join(temporaryFolder(), compiler);
  const args = ["-static", "-s", "-x", "c", "-", "-o", program];
  execFileSync(compiler, args, { input: "int main(void) { return 0; }" });
  return program;
}

const isMissing = (compiler: string): boolean => spawnSync(compiler, ["--version"]).status !== 0;

describe("checkStaticLibrary", () => {
  it.skipIf(isMissing("musl-gcc"))("accepts a program linked with musl", () => {
    expect(() => checkStaticLibrary(compile("musl-gcc"), MUSL)).not.toThrow();
  });

  it.skipIf(isMissing("gcc"))("rejects a program linked with glibc when the release uses musl", () => {
    const program = compile("gcc");
    expect(() => checkStaticLibrary(program, MUSL)).toThrow(
      /gcc is linked with glibc, not musl: install musl-gcc .*musl-tools/,
    );
    expect(() => checkStaticLibrary(program, { ...MUSL, staticLibrary: "glibc" })).not.toThrow();
  });
});
