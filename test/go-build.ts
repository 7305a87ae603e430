/** Go programs from the tests' modules. Each is built once and kept in the user's cache folder, because a build takes minutes. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import type { Cause, Lack } from "./summary/lacks.ts";

export const CACHE = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "ocir-broker");

/** Go downloads the toolchain that a module names, if its own is older. */
export const GO_ENVIRONMENT = { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=readonly", GOTOOLCHAIN: "auto" };

/** What Go, git and debootstrap print if a module proxy, a mirror or a network does not give what they ask for. */
const NETWORK_ERROR = new RegExp(
  [
    "dial tcp|no such host|i/o timeout|TLS handshake timeout|connection refused|connection reset|network is unreachable",
    "server misbehaving|proxyconnect|unable to access '|Could not resolve|toolchain not available",
    "Failed getting release file|Couldn't download",
    // A status of the proxy: "reading https://…: 404 Not Found".
    "https?://\\S+: [45]\\d\\d [A-Z]",
  ].join("|"),
);
/** Never the network's, whatever else is printed. */
const OWN_ERROR = /SECURITY ERROR|checksum mismatch/;
const MAX_OUTPUT_BYTES = 2 ** 26;

/** Why a program could not be built. */
export class BuildError extends Error {
  readonly why: Cause;

  constructor(why: Cause, message: string) {
    super(message);
    this.why = why;
  }
}

/** What keeps a program from being built, if anything does. @param what for the reason, as people call it */
export function lackAfter(what: string, build: () => void): Lack[] {
  try {
    build();
    return [];
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    return [{ cause: error.why, reason: `${what} is not built: ${error.message}` }];
  }
}

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

/** When builds must be complete, by `performance.now()`. `.ci/run` sets a limit for a whole run. */
export function endOfBuilds(): number | undefined {
  const limitS = process.env["OCIR_BROKER_BUILD_LIMIT_S"];
  return limitS === undefined ? undefined : performance.now() + Number(limitS) * 1_000;
}

/** Does nothing if the program is there. @throws BuildError if it cannot be built, or not in time */
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

/**
 * An interrupted `go build` keeps the packages that it has compiled in its cache, so that the next one goes on
 * from there.
 * @returns what the program printed to stdout
 * @throws BuildError if the program fails, or does not end in time
 */
export function runUntil(
  endsAtMs: number | undefined,
  program: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
  killSignal: "SIGINT" | "SIGKILL" = "SIGINT",
): string {
  const command = `${program} ${args[0]}`;
  const leftMs = endsAtMs === undefined ? undefined : Math.round(endsAtMs - performance.now());
  if (leftMs !== undefined && leftMs <= 0) throw new BuildError("time", `there was no time left for ${command}`);
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: MAX_OUTPUT_BYTES,
    timeout: leftMs,
    killSignal,
  });
  process.stderr.write(stderr ?? "");
  if (status === 0) return stdout;
  if (error !== undefined && "code" in error && error.code === "ETIMEDOUT")
    throw new BuildError("time", `the time was over during ${command}`);
  // `go mod download -json` reports its errors on stdout.
  const lines = `${stdout ?? ""}\n${stderr ?? ""}`.trim().split("\n");
  const networkError = lines.find((line) => NETWORK_ERROR.test(line));
  const isNetworkError = networkError !== undefined && !lines.some((line) => OWN_ERROR.test(line));
  const said = error?.message ?? (isNetworkError ? networkError.trim() : lines.at(-1));
  throw new BuildError(isNetworkError ? "network" : "error", `${command} failed: ${said}`);
}
