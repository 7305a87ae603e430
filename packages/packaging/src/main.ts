/**
 * `npm run package`: archive, .deb and .rpm for each architecture, their bills of materials, the DaemonSet's image and
 * manifest, the alerts, the build tools' versions, and SHA256SUMS, into dist/packages (or the folder that is given). The same commit gives
 * the same bytes.
 */
import { createHash } from "node:crypto";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { alertRules } from "./alert-rules.ts";
import { describeBuildTools } from "./build-tools.ts";
import { parseArguments, USAGE } from "./command-line.ts";
import { installedFiles } from "./contents/installed-tree.ts";
import { buildPrograms } from "./contents/programs.ts";
import { type ImageContent, makeDaemonSetImage } from "./daemonset-image.ts";
import { makeArchive } from "./formats/archive.ts";
import { makeDeb } from "./formats/deb.ts";
import { makeRpm } from "./formats/rpm.ts";
import { prepareOutputFolder } from "./output-folder.ts";
import { CHECKOUT, type Release, thisRelease } from "./release.ts";
import { missingPrograms, TARGETS, type Target } from "./target.ts";

const DEFAULT_FOLDER = join(CHECKOUT, "dist/packages");
const WORK = join(import.meta.dirname, "../build");

const asked = parseArguments(process.argv.slice(2), DEFAULT_FOLDER);
if ("help" in asked) process.stdout.write(USAGE);
else if ("fault" in asked) fail(`${asked.fault}\n\n${USAGE}`, 2);
else await main(resolve(asked.folder));

async function main(output: string): Promise<void> {
  const missing = new Set(TARGETS.flatMap(missingPrograms));
  if (missing.size > 0) {
    fail(`it needs what is not here:\n${[...missing].map((line) => `  ${line}\n`).join("")}`, 1);
    return;
  }
  process.umask(0o022);
  try {
    // A temporary folder that only this program uses.
    if (output === DEFAULT_FOLDER) rmSync(output, { recursive: true, force: true });
    prepareOutputFolder(output);
    rmSync(WORK, { recursive: true, force: true });
    for (const name of await makeRelease(thisRelease(process.env), output)) {
      const sizeMb = statSync(join(output, name)).size / 1e6;
      process.stdout.write(`${sizeMb.toFixed(1).padStart(6)} MB  ${join(output, name)}\n`);
    }
  } catch (error) {
    fail(`${error instanceof Error ? error.message : error}\n`, 1);
    // The other target's build may still run.
    process.exit();
  }
}

/** @returns the names of the files in `output`. */
async function makeRelease(release: Release, output: string): Promise<string[]> {
  const tools = `ocir-broker-${release.version}-build-tools.txt`;
  writeFileSync(join(output, tools), describeBuildTools(TARGETS, release));
  const rules = `ocir-broker-${release.version}.rules.yaml`;
  writeFileSync(join(output, rules), alertRules(process.env));
  const perTarget = await Promise.all(TARGETS.map((target) => makePackages(target, release, output)));
  progress("the DaemonSet's image");
  const daemonSet = await makeDaemonSetImage(
    release,
    perTarget.map(({ content }) => content),
    { work: join(WORK, "daemonset"), output },
  );
  writeFileSync(join(output, daemonSet.manifest.name), daemonSet.manifest.text);
  const made = [...perTarget.flatMap(({ names }) => names), daemonSet.image, daemonSet.manifest.name, tools, rules];
  const sums = made.toSorted().map((name) => `${sha256(join(output, name))}  ${name}\n`);
  writeFileSync(join(output, "SHA256SUMS"), sums.join(""));
  return made;
}

function sha256(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** Minutes may pass between the first and the last. */
function progress(step: string): void {
  process.stderr.write(`making ${step}\n`);
}

function fail(message: string, exitCode: 1 | 2): void {
  process.stderr.write(`npm run package: ${message}`);
  process.exitCode = exitCode;
}

/** One after another for a target, both targets in parallel: one processor each. */
async function makePackages(
  target: Target,
  of: Release,
  output: string,
): Promise<{ names: string[]; content: ImageContent }> {
  const places = { work: join(WORK, target.debArchitecture), output };
  const { debArchitecture: name } = target;
  progress(`the programs for ${name}`);
  const programs = await buildPrograms(target, of, join(places.work, "programs"));
  const files = installedFiles(target, of, programs);
  const billOfMaterials = `ocir-broker-${of.version}-linux-${target.debArchitecture}.cdx.json`;
  const list = files.find(({ path }) => path.endsWith("/sbom.cdx.json"))?.from;
  if (typeof list !== "object") throw new Error("the bill of materials is missing");
  writeFileSync(join(output, billOfMaterials), list.text);
  progress(`the archive for ${name}`);
  const archive = await makeArchive(target, of, files, places);
  progress(`the .deb for ${name}`);
  const deb = await makeDeb(target, of, files, places);
  progress(`the .rpm for ${name}`);
  const rpm = await makeRpm(target, of, files, places);
  const content = { target, archive: join(output, archive), programs: programs.folder };
  return { names: [billOfMaterials, archive, deb, rpm], content };
}
