/** Oracle's own clients from PyPI, the Go module proxy and npm. Installations are reused by the next run. */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CACHE, runUntil } from "../go-build.ts";

const FOLDER = import.meta.dirname;
const REQUIREMENTS = join(FOLDER, "python/requirements.txt");
const KEPT = join(CACHE, "oracle-python");
const PYTHON = ["import sys, venv, ensurepip", "assert sys.version_info >= (3, 11)", "print(sys.version)"].join("; ");

export const TYPESCRIPT_SDK: readonly string[] = [process.execPath, join(FOLDER, "fetch-token.mjs")];

/** For test titles: the reason why they cannot run; empty if they can. */
export function lackOfPython(): string {
  return pythonVersion() === undefined ? " (skipped: needs Python 3.11 with venv)" : "";
}

/** `oci` and the SDK for Python. About a minute the first time. */
export function installPythonClients(): { readonly oci: string; readonly sdk: readonly string[] } {
  const requirements = readFileSync(REQUIREMENTS);
  const key = createHash("sha256").update(requirements).update(String(pythonVersion())).digest("hex").slice(0, 16);
  const folder = join(KEPT, key);
  const isComplete = join(folder, "is-complete");
  const bin = join(folder, "bin");
  if (!existsSync(isComplete)) {
    rmSync(KEPT, { recursive: true, force: true });
    mkdirSync(KEPT, { recursive: true });
    console.log(`installing oci-cli into ${folder}, once; about a minute`);
    execFileSync("python3", ["-m", "venv", folder], { stdio: "inherit" });
    const options = ["--disable-pip-version-check", "--quiet", "--no-compile", "--require-hashes"];
    execFileSync(join(bin, "pip"), ["install", ...options, "--requirement", REQUIREMENTS], { stdio: "inherit" });
    writeFileSync(isComplete, "");
  }
  return { oci: join(bin, "oci"), sdk: [join(bin, "python"), join(FOLDER, "python/fetch-token.py")] };
}

/** Builds a program in `directory`, with Go's build cache. */
export function buildGoClient(directory: string): readonly string[] {
  const program = join(directory, "fetch-token");
  runUntil(undefined, "go", ["build", "-o", program, "."], join(FOLDER, "go"), process.env);
  return [program];
}

function pythonVersion(): string | undefined {
  const { status, stdout } = spawnSync("python3", ["-c", PYTHON], { encoding: "utf8" });
  return status === 0 ? stdout : undefined;
}
