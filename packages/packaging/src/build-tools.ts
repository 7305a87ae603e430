/** The programs whose versions determine a release's bytes, in addition to the commit and its lockfile. */
import { execFileSync, spawnSync } from "node:child_process";
import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { debianPackage, debianVersion, LGPL } from "./contents/libraries.ts";
import type { Release } from "./release.ts";
import { TARGETS, type Target } from "./target.ts";

const PACKERS = ["make", "tar", "gzip", "patchelf"];

/** One line for each tool that is needed to reproduce the bytes. */
export function describeBuildTools({ version }: Release): string {
  const ofTargets = TARGETS.flatMap((target) => [
    `${target.debArchitecture} compiler: ${target.compiler}, ${versionOf(target.compiler)}`,
    `${target.debArchitecture} C library: ${target.staticLibrary} ${libraryVersion(target)}`,
    `${target.debArchitecture} libatomic: ${debianVersion(debianPackage(target, "libatomic1"))}`,
    `${target.debArchitecture} strip: ${versionOf(`${target.machine}-linux-gnu-strip`)}`,
  ]);
  const packers = PACKERS.map((program) => `${program}: ${versionOf(program)}`);
  const head = `# ocir-broker ${version} was made with these; the same commit and the same tools give the same bytes.`;
  const licence = `${LGPL}: SHA-256 ${hash("sha256", readFileSync(LGPL))}`;
  return `${[head, ...ofTargets, ...packers, licence].join("\n")}\n`;
}

/** @throws {Error} if the program does not print its version, because such a release cannot be reproduced. */
function versionOf(program: string): string {
  const [line = ""] = execFileSync(program, ["--version"], { encoding: "utf8" }).split("\n", 1);
  if (!/\d/.test(line)) throw new Error(`${program} --version says no version: ${line}`);
  return line.trim();
}

/** @throws {Error} if another program in PATH has the compiler's name. */
export function libraryVersion({ compiler, staticLibrary }: Pick<Target, "compiler" | "staticLibrary">): string {
  const version = staticLibrary === "musl" ? muslVersion(compiler) : glibcVersion(compiler);
  if (version !== undefined) return version;
  throw new Error(`${compiler} does not use ${staticLibrary}: check what else in PATH has that name`);
}

/** musl's dynamic loader prints its version and exits with 1. The compiler's command line names the loader. */
function muslVersion(compiler: string): string | undefined {
  const { stderr: commands } = spawnSync(compiler, ["-###", "-x", "c", "/dev/null"], { encoding: "utf8" });
  const loader = /-dynamic-linker"? "?([^" ]+)/.exec(commands)?.[1];
  if (loader === undefined) return undefined;
  return /^Version (\S+)$/m.exec(String(spawnSync(loader, { encoding: "utf8" }).stderr))?.[1];
}

function glibcVersion(compiler: string): string | undefined {
  const input = "#include <features.h>\n__GLIBC__.__GLIBC_MINOR__\n";
  const text = execFileSync(compiler, ["-E", "-P", "-x", "c", "-"], { encoding: "utf8", input });
  return /(\d+) ?\. ?(\d+)\s*$/.exec(text)?.slice(1, 3).join(".");
}
