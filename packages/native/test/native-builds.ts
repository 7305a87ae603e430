/**
 * The builds of the C sources for the tests, made by the Makefile, and the abilities of this machine's compilers.
 * For tests only.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const PACKAGE_DIRECTORY = fileURLToPath(new URL("..", import.meta.url));

export interface Build {
  /** Its name in test titles. */
  readonly name: string;
  /** Why this machine cannot build it; undefined if it can. */
  readonly lacking: string | undefined;
}

export const RELEASE: Build = { name: "release", lacking: undefined };

export const SANITIZED: Build = {
  name: "sanitized",
  lacking: compiles("gcc", ["-fsanitize=address,undefined"], "int main(void) { return 0; }")
    ? undefined
    : "the C compiler has no sanitizers",
};

export const FUZZ_TARGET: Build = {
  name: "libFuzzer",
  lacking: compiles(
    "clang",
    ["-fsanitize=fuzzer,address,undefined"],
    "int LLVMFuzzerTestOneInput(const unsigned char *data, unsigned long size) { return data == 0 && size > 0; }",
  )
    ? undefined
    : "there is no clang with libFuzzer",
};

/** Appended to a title, so that a skipped test shows the reason. */
export function because(build: Build): string {
  return build.lacking === undefined ? build.name : `${build.name}, skipped: ${build.lacking}`;
}

export function make(...targets: string[]): void {
  execFileSync("make", ["--silent", ...targets], { cwd: PACKAGE_DIRECTORY, stdio: ["ignore", "inherit", "inherit"] });
}

export function builtPath(name: string): string {
  return fileURLToPath(new URL(`../build/${name}`, import.meta.url));
}

/** In the repository's dist/, as installers and other packages expect. */
export function distPath(name: string): string {
  return fileURLToPath(new URL(`../../../dist/${name}`, import.meta.url));
}

export function hasProgram(name: string): boolean {
  return spawnSync("sh", ["-c", `command -v ${name}`]).status === 0;
}

function compiles(compiler: string, flags: readonly string[], source: string): boolean {
  const { status } = spawnSync(compiler, [...flags, "-x", "c", "-o", "/dev/null", "-"], { input: source });
  return status === 0;
}
