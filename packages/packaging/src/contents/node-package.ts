/** The npm package with Node for a target. npm installs only the machine's own into node_modules. */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { finished } from "../finished.ts";
import { CHECKOUT } from "../release.ts";
import type { Target } from "../target.ts";

interface NodeChecksums {
  readonly version: string;
  readonly sha256: Readonly<Record<Target["nodeArchitecture"], string>>;
}

/** Of nodejs.org's programs, before symbols are removed. */
export function nodeChecksums(): NodeChecksums {
  return JSON.parse(readFileSync(join(CHECKOUT, "packages/cli/node-checksums.json"), "utf8"));
}

/** The package's folder. The build of the executable compares its program with the recorded checksum. */
export async function nodePackage({ nodeArchitecture }: Target, folder: string): Promise<string> {
  const name = `node-linux-${nodeArchitecture}`;
  if (nodeArchitecture === process.arch) return join(CHECKOUT, "node_modules", name);
  mkdirSync(folder, { recursive: true });
  const { version } = nodeChecksums();
  const tarball = await finished("npm", ["pack", "--silent", "--prefer-offline", `${name}@${version}`], {
    cwd: folder,
  });
  await finished("tar", ["-xzf", tarball.trim()], { cwd: folder });
  return join(folder, "package");
}
