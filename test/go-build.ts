/** Go programs from the tests' modules. Each is built once and kept in the user's cache folder, because a build takes minutes. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

export const CACHE = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "ocir-broker");

/** Go downloads the toolchain that a module names, if its own is older. */
export const GO_ENVIRONMENT = { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=readonly", GOTOOLCHAIN: "auto" };

interface Build {
  /** Of the program. It changes with what the program is built from. */
  readonly path: string;
  /** The module's. */
  readonly folder: string;
  /** Of `go build`: further flags, and the package. */
  readonly args: readonly string[];
  /** By `performance.now()`. Default: no limit. */
  readonly endsAtMs?: number | undefined;
}

/** Does nothing if the program is there. @throws Error if it cannot be built, or not in time */
export function buildOnce({ path, folder, args, endsAtMs }: Build): void {
  if (existsSync(path)) return;
  console.log(`building ${path} ...`);
  mkdirSync(dirname(path), { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  try {
    runUntil(endsAtMs, "go", ["build", "-trimpath", "-o", unfinished, ...args], folder, GO_ENVIRONMENT);
    renameSync(unfinished, path);
  } finally {
    rmSync(unfinished, { force: true });
  }
}

/** @throws Error if the program fails, or does not end in time */
export function runUntil(
  endsAtMs: number | undefined,
  program: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): void {
  const timeout = endsAtMs === undefined ? {} : { timeout: Math.max(1, Math.round(endsAtMs - performance.now())) };
  const { status, error } = spawnSync(program, args, { cwd, env, stdio: ["ignore", "ignore", "inherit"], ...timeout });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} failed`, { cause: error });
}
