/**
 * The npm package with Node for a target. The machine's own is in node_modules; since npm does not install another architecture
 * there, npm installs that into a separate folder, with the entry of the root's lockfile.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { finished } from "../finished.ts";
import { CHECKOUT } from "../release.ts";
import type { Target } from "../target.ts";

interface Lockfile {
  readonly packages: Readonly<Record<string, { readonly version: string; readonly integrity: string } | undefined>>;
}

/** The package's folder. The build of the executable compares its program with the recorded checksum. */
export async function nodePackage(target: Target, folder: string): Promise<string> {
  const name = `node-linux-${target.nodeArchitecture}`;
  const path = `node_modules/${name}`;
  if (target.nodeArchitecture === process.arch) return join(CHECKOUT, path);

  const lockfile = JSON.parse(readFileSync(join(CHECKOUT, "package-lock.json"), "utf8")) as Lockfile;
  const entry = lockfile.packages[path];
  if (entry === undefined) throw new Error(`package-lock.json has no ${path}`);
  // Optional, as in the root, because npm refuses a required package for another machine.
  const root = { name: "ocir-broker-node", version: "0.0.0", optionalDependencies: { [name]: entry.version } };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ ...root, private: true }));
  const packages = { "": root, [path]: entry };
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify({ ...root, lockfileVersion: 3, packages }));
  const flags = ["--os=linux", `--cpu=${target.nodeArchitecture}`, "--ignore-scripts", "--no-audit", "--no-fund"];
  await finished("npm", ["ci", "--prefer-offline", ...flags], { cwd: folder });
  return join(folder, path);
}
