/** All files of a release, in one folder. The same commit and the same tools give the same bytes. */
import { createHash } from "node:crypto";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { alertRules } from "./alert-rules.ts";
import { describeBuildTools } from "./build-tools.ts";
import { installedFiles } from "./contents/installed-tree.ts";
import { buildPrograms } from "./contents/programs.ts";
import { type ImageContent, makeDaemonSetImage } from "./daemonset-image.ts";
import { makeArchive } from "./formats/archive.ts";
import { makeDeb } from "./formats/deb.ts";
import { makeRpm } from "./formats/rpm.ts";
import { NODE_SCRIPT, PLAIN_NODE_SCRIPT, packedNodeScript, plainNodeScript } from "./node-script.ts";
import { CHECKOUT, type Release } from "./release.ts";
import { TARGETS, type Target } from "./target.ts";

export interface ReleaseOptions {
  readonly release: Release;
  /** The folder in which nodes find the archives. */
  readonly baseUrl: string | undefined;
  readonly environment: NodeJS.ProcessEnv;
  /** An empty folder for the files of the release. */
  readonly output: string;
  /** A folder for everything else. */
  readonly work: string;
  /** Called before each step, which may take a minute. */
  readonly onStep: (step: string) => void;
}

/** @returns the names of the files in `output`. */
export async function makeRelease(options: ReleaseOptions): Promise<string[]> {
  const { release, environment, output, work, onStep } = options;
  const put = (name: string, text: string): string => {
    writeFileSync(join(output, name), text);
    return name;
  };
  const prefix = `ocir-broker-${release.version}`;
  // Before the build, because both depend on what an operator set.
  const texts = [
    put(`${prefix}-build-tools.txt`, describeBuildTools(TARGETS, release)),
    put(`${prefix}.rules.yaml`, alertRules(environment)),
  ];
  copyFileSync(join(CHECKOUT, "monitoring/ocir-broker.dashboard.json"), join(output, `${prefix}.dashboard.json`));
  const perTarget = await Promise.all(TARGETS.map((target) => makePackages(target, options)));
  onStep("the DaemonSet's image");
  const contents = perTarget.map(({ content }) => content);
  const daemonSet = await makeDaemonSetImage(release, contents, { work: join(work, "daemonset"), output });
  const sha256 = Object.fromEntries(
    contents.map(({ target, archive }) => [target.debArchitecture, sha256Of(archive)]),
  ) as Record<Target["debArchitecture"], string>;
  const script = plainNodeScript({ version: release.version, baseUrl: options.baseUrl, sha256 });
  const made = [
    ...perTarget.flatMap(({ names }) => names),
    ...[daemonSet.image, put(daemonSet.manifest.name, daemonSet.manifest.text)],
    ...[put(PLAIN_NODE_SCRIPT, script), put(NODE_SCRIPT, packedNodeScript(script, release.version))],
    ...[...texts, `${prefix}.dashboard.json`],
  ];
  const sums = made.toSorted().map((name) => `${sha256Of(join(output, name))}  ${name}\n`);
  put("SHA256SUMS", sums.join(""));
  return made;
}

/** One after another for a target, both targets in parallel: one processor each. */
async function makePackages(
  target: Target,
  { release, output, work, onStep }: ReleaseOptions,
): Promise<{ names: string[]; content: ImageContent }> {
  const { debArchitecture: name } = target;
  const places = { work: join(work, name), output };
  onStep(`the programs for ${name}`);
  const programs = await buildPrograms(target, release, join(places.work, "programs"));
  const files = installedFiles(target, release, programs);
  const billOfMaterials = `ocir-broker-${release.version}-linux-${name}.cdx.json`;
  const list = files.find(({ path }) => path.endsWith("/sbom.cdx.json"))?.from;
  if (typeof list !== "object") throw new Error("the bill of materials is missing");
  writeFileSync(join(output, billOfMaterials), list.text);
  onStep(`the archive for ${name}`);
  const archive = await makeArchive(target, release, files, places);
  onStep(`the .deb for ${name}`);
  const deb = await makeDeb(target, release, files, places);
  onStep(`the .rpm for ${name}`);
  const rpm = await makeRpm(target, release, files, places);
  const content = { target, archive: join(output, archive), programs: programs.folder };
  return { names: [billOfMaterials, archive, deb, rpm], content };
}

function sha256Of(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}
