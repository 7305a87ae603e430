/**
 * The builds of the C sources for the tests, made by the Makefile, and the abilities of this machine's compilers.
 * For tests only.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { beforeAll, describe } from "vitest";

const PACKAGE_DIRECTORY = fileURLToPath(new URL("..", import.meta.url));

/** The quick variant waits a hundredth of the time between its attempts; the hasty one also has a time limit of 1.5 s. */
type Variant = "quick" | "hasty";

const SANITIZERS = lackOf("gcc", "address,undefined", "int main(void) { return 0; }", "needs a gcc with sanitizers");
const BUILDS = [
  {
    ...buildOf("release"),
    path: (program: string, variant?: Variant) =>
      variant === undefined ? distPath(program) : builtPath(`${variant}/${program}`),
  },
  {
    ...buildOf("sanitized", SANITIZERS),
    path: (program: string, variant?: Variant) =>
      builtPath(`sanitized${variant === undefined ? "" : `-${variant}`}/${program}`),
  },
];

export const FUZZ_TARGET = buildOf(
  "libFuzzer",
  lackOf(
    "clang",
    "fuzzer,address,undefined",
    "int LLVMFuzzerTestOneInput(const unsigned char *data, unsigned long size) { return data == 0 && size > 0; }",
    "needs a clang with libFuzzer",
  ),
);

/** Runs the same tests on each build; skips a build that this machine cannot make, or all of them if `lacking` is given. */
export function describeBuilds(what: string, tests: (build: (typeof BUILDS)[number]) => void, lacking?: string): void {
  for (const build of BUILDS) {
    const { title, lacking: missing } = lacking === undefined ? build : buildOf(build.title, lacking);
    describe.skipIf(missing !== undefined)(`${what} (${title})`, () => {
      beforeAll(() => make("install", "checks", ...(SANITIZERS === undefined ? ["sanitize"] : [])), 120_000);
      tests(build);
    });
  }
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

/** @param lacking why this machine cannot build it, which the title of a skipped test shows */
function buildOf(name: string, lacking?: string) {
  return { title: lacking === undefined ? name : `${name}, skipped: ${lacking}`, lacking };
}

function lackOf(compiler: string, sanitizers: string, source: string, lack: string): string | undefined {
  const args = [`-fsanitize=${sanitizers}`, "-x", "c", "-o", "/dev/null", "-"];
  return spawnSync(compiler, args, { input: source }).status === 0 ? undefined : lack;
}
