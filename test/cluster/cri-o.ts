/**
 * CRI-O's programs, from the folder in OCIR_BROKER_CRIO, from the user's cache folder, or built into it from a clone of CRI-O's
 * repository. Its Go module cannot be used: no module proxy has it. With OCIR_BROKER_RUNTIME=containerd, it is not used.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CACHE, runUntil } from "../go-build.ts";

const VERSION = "1.37.0";
const REPOSITORY = "https://github.com/cri-o/cri-o";
const COMMIT = "f954a17e505f8931e91004403b5f5eac71ab6085";
const FOLDER = join(CACHE, `cri-o-${VERSION}`);
const SOURCE = `${FOLDER}-source`;
const PROGRAMS = ["crio", "pinns"] as const;
/** Without the libraries for which a test has no use. */
const TAGS = "containers_image_ostree_stub containers_image_openpgp exclude_graphdriver_btrfs btrfs_noversion seccomp";

export function isCriOWanted(): boolean {
  return process.env["OCIR_BROKER_RUNTIME"] !== "containerd";
}

/** Undefined if CRI-O is not wanted, or cannot run here. */
export function criOFolder(): string | undefined {
  if (!isCriOWanted() || !succeeds("conmon", "--version")) return undefined;
  const isComplete = (folder: string | undefined) =>
    folder && existsSync(join(folder, "pinns")) && succeeds(join(folder, "crio"), "--version");
  return [process.env["OCIR_BROKER_CRIO"], FOLDER].find(isComplete);
}

function succeeds(program: string, ...args: string[]): boolean {
  return spawnSync(program, args).status === 0;
}

/** Builds CRI-O if it is wanted and missing. @throws BuildError if it cannot be built, or not in time */
export function buildCriO(endsAtMs?: number): void {
  if (!isCriOWanted() || criOFolder() !== undefined) return;
  const env = { ...process.env, CGO_ENABLED: "1" };
  const run = (program: string, args: readonly string[], cwd = SOURCE) => runUntil(endsAtMs, program, args, cwd, env);
  console.log(`building CRI-O ${VERSION} ...`);
  // Kept until the build is complete, so that one that was ended goes on.
  const fetched = join(SOURCE, ".git/is-fetched");
  if (!existsSync(fetched)) {
    mkdirSync(SOURCE, { recursive: true });
    run("git", ["init", "--quiet"]);
    run("git", ["fetch", "--quiet", "--depth", "1", REPOSITORY, COMMIT]);
    run("git", ["checkout", "--quiet", "--force", "FETCH_HEAD"]);
    writeFileSync(fetched, "");
  }
  const made = join(SOURCE, "made");
  mkdirSync(made, { recursive: true });
  const sources = readdirSync(join(SOURCE, "pinns/src")).filter((name) => name.endsWith(".c"));
  run("cc", ["-std=c99", "-Os", "-static", "-o", join(made, "pinns"), ...sources], join(SOURCE, "pinns/src"));
  const build = ["build", "-mod=vendor", "-trimpath", "-ldflags", "-s -w", "-tags", TAGS, "-o", join(made, "crio")];
  run("go", [...build, "./cmd/crio"]);
  mkdirSync(FOLDER, { recursive: true });
  for (const name of PROGRAMS) renameSync(join(made, name), join(FOLDER, name));
  rmSync(SOURCE, { recursive: true });
}
