/** The packages, built by `npm run package` once for all tests, and again if a source is newer. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import api from "@ocir-broker/protocol/pull-secret-api" with { type: "json" };
import { missingTools } from "../../../packages/packaging/tools.mjs";
import { oneProcessAtATime } from "../one-process-at-a-time.ts";

export const CHECKOUT = join(import.meta.dirname, "../../..");
export const PACKAGES = join(CHECKOUT, "dist/packages");
export const SOURCES =
  "packages systemd cloud-init deploy docs monitoring LICENSE CHANGELOG.md package.json package-lock.json".split(" ");

/** The missing prerequisite for building packages; undefined if there is none. */
export function cannotPackage(): string | undefined {
  const missing = missingTools(false);
  return missing && `needs ${missing}`;
}

/** Of the release in the tests. */
const BASE_URL = "http://127.0.0.1:18091";

/** Whether a built file is missing or older than a source. */
export function isOld(made: string, ...more: readonly string[]): boolean {
  const pruned = ["(", "-name", "build", "-o", "-name", ".turbo", "-o", "-name", "node_modules", ")", "-prune"];
  return (
    !existsSync(made) ||
    execFileSync("find", [...SOURCES, ...more, ...pruned, "-o", "-type", "f", "-newer", made, "-print", "-quit"], {
      cwd: CHECKOUT,
      encoding: "utf8",
    }) !== ""
  );
}

export function buildPackages(): Promise<void> {
  return oneProcessAtATime("packages", () => {
    if (isOld(join(PACKAGES, "SHA256SUMS"))) makePackages(CHECKOUT, {});
  });
}

/** Runs the packaging of a checkout, which may be a copy of this one. */
export function makePackages(checkout: string, env: NodeJS.ProcessEnv): void {
  const args = ["--base-url", BASE_URL, "--api-group", api.group];
  execFileSync(process.execPath, [join(checkout, "packages/packaging/src/main.ts"), ...args], {
    cwd: checkout,
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "inherit"],
  });
}

/** The only package whose name ends, and begins, with this. */
export function packageNamed(end: string, start = ""): string {
  const names = readdirSync(PACKAGES).filter((name) => name.endsWith(end) && name.startsWith(start));
  if (names.length !== 1) throw new Error(`${names.length} packages end with ${end}`);
  return join(PACKAGES, names[0] as string);
}
