/** The packages, made by `npm run package` once for all tests, and again when a source is newer. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { missingPrograms, TARGETS } from "@ocir-broker/packaging";

export const CHECKOUT = join(import.meta.dirname, "../../..");
export const PACKAGES = join(CHECKOUT, "dist/packages");
export const SOURCES = "packages systemd cloud-init docs/man LICENSE CHANGELOG.md package.json package-lock.json".split(
  " ",
);

/** Undefined where packages can be made here, else what is missing. */
export function cannotPackage(): string | undefined {
  return TARGETS.flatMap(missingPrograms)[0];
}

export function buildPackages(): void {
  const sums = join(PACKAGES, "SHA256SUMS");
  const made = ["(", "-name", "build", "-o", "-name", ".turbo", "-o", "-name", "node_modules", ")", "-prune"];
  const isOld =
    !existsSync(sums) ||
    execFileSync("find", [...SOURCES, ...made, "-o", "-type", "f", "-newer", sums, "-print", "-quit"], {
      cwd: CHECKOUT,
      encoding: "utf8",
    }) !== "";
  if (isOld) makePackages(CHECKOUT, {});
}

/** Runs the packaging of a checkout, which may be a copy of this one. */
export function makePackages(checkout: string, env: NodeJS.ProcessEnv): void {
  execFileSync(process.execPath, [join(checkout, "packages/packaging/src/main.ts")], {
    cwd: checkout,
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "inherit"],
  });
}

/** The one package whose name ends so. */
export function packageNamed(end: string): string {
  const names = readdirSync(PACKAGES).filter((name) => name.endsWith(end));
  if (names.length !== 1) throw new Error(`${names.length} packages end with ${end}`);
  return join(PACKAGES, names[0] as string);
}
