/**
 * CRI-O's programs, from the folder in OCIR_BROKER_CRIO, from the user's cache folder, or built into it from a clone of CRI-O's
 * repository. Its Go module cannot be used: no module proxy has it. With OCIR_BROKER_RUNTIME=containerd, it is not used.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CACHE, runUntil } from "../go-build.ts";

const VERSION = "1.37.0";
const REPOSITORY = "https://github.com/cri-o/cri-o";
const COMMIT = "f954a17e505f8931e91004403b5f5eac71ab6085";
const FOLDER = join(CACHE, `cri-o-${VERSION}`);
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

/** Builds CRI-O if it is wanted and missing. @throws Error if it cannot be built, or not within `limitMs`. */
export function buildCriO(limitMs?: number): void {
  if (!isCriOWanted() || criOFolder() !== undefined) return;
  const endsAtMs = limitMs && performance.now() + limitMs;
  const work = mkdtempSync(join(tmpdir(), "cri-o-"));
  const env = { ...process.env, CGO_ENABLED: "1" };
  const run = (program: string, args: readonly string[], cwd = work) => runUntil(endsAtMs, program, args, cwd, env);
  try {
    console.log(`building CRI-O ${VERSION} ...`);
    run("git", ["init", "--quiet"]);
    run("git", ["fetch", "--quiet", "--depth", "1", REPOSITORY, COMMIT]);
    run("git", ["checkout", "--quiet", "FETCH_HEAD"]);
    const made = join(work, "made");
    mkdirSync(made);
    const sources = readdirSync(join(work, "pinns/src")).filter((name) => name.endsWith(".c"));
    run("cc", ["-std=c99", "-Os", "-static", "-o", join(made, "pinns"), ...sources], join(work, "pinns/src"));
    const build = ["build", "-mod=vendor", "-trimpath", "-ldflags", "-s -w", "-tags", TAGS, "-o", join(made, "crio")];
    run("go", [...build, "./cmd/crio"]);
    mkdirSync(FOLDER, { recursive: true });
    for (const name of PROGRAMS) {
      // The temporary folder may be another file system.
      run("cp", [join(made, name), join(FOLDER, `${name}.new`)]);
      renameSync(join(FOLDER, `${name}.new`), join(FOLDER, name));
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
