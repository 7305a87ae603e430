/**
 * The files of a release that a node downloads and runs, made as `npm run package` makes them, for this machine's architecture. And those
 * of an older one, whose programs differ only in their version.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { installedFiles } from "../../packages/packaging/src/contents/installed-tree.ts";
import { type BuiltPrograms, buildPrograms } from "../../packages/packaging/src/contents/programs.ts";
import { makeArchive } from "../../packages/packaging/src/formats/archive.ts";
import { NODE_SCRIPT, nodeScript } from "../../packages/packaging/src/node-script.ts";
import { sha256Of } from "../../packages/packaging/src/publishing/sums.ts";
import { CHECKOUT, type Release, thisRelease } from "../../packages/packaging/src/release.ts";
import { TARGET_HERE as target } from "../../packages/packaging/src/target.ts";
import { isOld } from "../system/packages/built-packages.ts";
import { BUCKET_URL } from "./names.ts";

export const MACHINE_FOLDER = join(CHECKOUT, "dist/test-machine");
/** Nodes download from it. */
export const RELEASES = join(MACHINE_FOLDER, "releases");
export const VERSION = thisRelease(process.env).version;
/** As long as the version that it replaces in a program. */
export const OLDER_VERSION = VERSION.replace(/\d/g, "0");

const scriptPath = (version: string): string => join(RELEASES, `${version}-${NODE_SCRIPT}`);

/** What an operator pastes: the script of a release. */
export const nodeScriptOf = (version: string): string => readFileSync(scriptPath(version), "utf8");

/** Makes both, if a source has changed. */
export async function makeReleases(): Promise<void> {
  if (!isOld(scriptPath(OLDER_VERSION), import.meta.filename)) return;
  console.log(`making ${RELEASES} ...`);
  const work = join(MACHINE_FOLDER, "work");
  for (const folder of [work, RELEASES]) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }
  const release = thisRelease(process.env);
  const programs = await buildPrograms(target, join(work, "programs"));
  await makeOne(release, programs, work);
  for (const name of ["ocir-broker", "credential-provider-oke"]) {
    const path = join(programs.folder, name);
    const built = readFileSync(path, "latin1");
    writeFileSync(path, built.replaceAll(VERSION, OLDER_VERSION), "latin1");
  }
  await makeOne({ ...release, version: OLDER_VERSION }, programs, work);
  rmSync(work, { recursive: true });
}

async function makeOne(release: Release, programs: BuiltPrograms, work: string): Promise<void> {
  const files = installedFiles(target, release, programs);
  const { archive } = await makeArchive(target, release, files, { work, output: RELEASES });
  const sum = sha256Of(archive);
  const { version } = release;
  writeFileSync(scriptPath(version), nodeScript({ version, baseUrl: BUCKET_URL, sha256: { amd64: sum, arm64: sum } }));
}
