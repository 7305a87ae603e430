/** All files of a release, in one folder. The same commit and the same tools give the same bytes. */
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { alertRules } from "./alert-rules.ts";
import { apiText } from "./api-group.ts";
import { describeBuildTools } from "./build-tools.ts";
import { billOfMaterials } from "./contents/bill-of-materials.ts";
import { bundledPackages } from "./contents/bundled-packages.ts";
import { installedFiles } from "./contents/installed-tree.ts";
import { nodeLibraries } from "./contents/libraries.ts";
import { type BuiltPrograms, buildPrograms } from "./contents/programs.ts";
import { type ImageContent, makeDaemonSetImage } from "./daemonset-image.ts";
import { makeArchive } from "./formats/archive.ts";
import { type ChartContent, makeHelmChart } from "./formats/helm-chart.ts";
import { buildNfpm, makeLinuxPackages } from "./formats/linux-packages.ts";
import { NODE_SCRIPT, nodeScript } from "./node-script.ts";
import { sha256Of, writeSums } from "./publishing/sums.ts";
import { makePullSecretsImage } from "./pull-secrets-image.ts";
import { CHECKOUT, type Release } from "./release.ts";
import { TARGET_HERE, TARGETS, type Target } from "./target.ts";

/** What each file of a release is for. */
export const INDEX = "INDEX.txt";

interface TrialOptions {
  readonly release: Release;
  /** The folder in which nodes find the archives. */
  readonly baseUrl: string | undefined;
  /** An empty folder for the files of the release. */
  readonly output: string;
  /** A folder for everything else. */
  readonly work: string;
  /** Called before each step, which may take a minute. */
  readonly onStep: (step: string) => void;
}

interface ReleaseOptions extends TrialOptions {
  /** Of pull secrets; without one, the release has no files of them. */
  readonly apiGroup: string | undefined;
}

/** @returns the names of the files in `output`. */
export async function makeRelease(options: ReleaseOptions): Promise<string[]> {
  const { release, output, work, onStep } = options;
  const put = (name: string, text: string): void => writeFileSync(join(output, name), text);
  const prefix = `ocir-broker-${release.version}`;
  put(`${prefix}-build-tools.txt`, describeBuildTools(release));
  put(`${prefix}.rules.yaml`, alertRules(release, "ocir-broker"));
  copyFileSync(join(CHECKOUT, "monitoring/ocir-broker.dashboard.json"), join(output, `${prefix}.dashboard.json`));
  onStep("nfpm");
  const nfpm = await buildNfpm(work);
  const contents = await Promise.all(TARGETS.map((target) => makePackages(target, nfpm, options)));
  onStep("the DaemonSet's image");
  const { manifest, digest } = await makeDaemonSetImage(release, contents, { work: join(work, "daemonset"), output });
  put(manifest.name, manifest.text);
  putScript(options, contents);
  await makeChart(options, { name: "ocir-broker", imageDigest: digest });
  if (options.apiGroup !== undefined) {
    onStep("the pull-secrets controller's image");
    const api = apiText(options.apiGroup);
    const places = { work: join(work, "pull-secrets"), output };
    const controller = await makePullSecretsImage(release, contents, places, api);
    await makeChart(options, { name: "ocir-pull-secrets", imageDigest: controller.digest, api });
  }
  copyFileSync(join(CHECKOUT, "docs/release-files.md"), join(output, INDEX));
  return writeSums(output);
}

function makeChart({ release, output, work }: ReleaseOptions, chart: Omit<ChartContent, "alertRules">) {
  const content = { ...chart, alertRules: alertRules(release, chart.name) };
  return makeHelmChart(release, content, { work: join(work, "chart", chart.name), output });
}

/** To try an installation: the archive for this machine's architecture, and the script with its checksum. @returns their names. */
export async function makeTrial(options: TrialOptions): Promise<string[]> {
  putScript(options, [await makeTree(TARGET_HERE, options)]);
  return writeSums(options.output);
}

function putScript({ release, baseUrl, output }: TrialOptions, made: readonly Made[]): void {
  const sha256 = Object.fromEntries(made.map(({ target, archive }) => [target.debArchitecture, sha256Of(archive)]));
  writeFileSync(join(output, NODE_SCRIPT), nodeScript({ version: release.version, baseUrl, sha256 }));
}

interface Made {
  readonly target: Target;
  readonly programs: BuiltPrograms;
  /** The folder that is in the archive. */
  readonly tree: string;
  readonly archive: string;
}

async function makeTree(target: Target, { release, output, work, onStep }: TrialOptions): Promise<Made> {
  const places = { work: join(work, target.debArchitecture), output };
  onStep(`the programs for ${target.debArchitecture}`);
  const programs = await buildPrograms(target, join(places.work, "programs"));
  onStep(`the archive for ${target.debArchitecture}`);
  const files = installedFiles(target, release, programs);
  return { target, programs, ...(await makeArchive(target, release, files, places)) };
}

/** One after another for a target, both targets in parallel: one processor each. */
async function makePackages(target: Target, nfpm: string, options: ReleaseOptions): Promise<ImageContent & Made> {
  const { release, output, onStep } = options;
  const { debArchitecture: name } = target;
  const made = await makeTree(target, options);
  const bill = `ocir-broker-${release.version}-linux-${name}.cdx.json`;
  copyFileSync(join(made.tree, "doc/sbom.cdx.json"), join(output, bill));
  onStep(`the .deb and the .rpm for ${name}`);
  await makeLinuxPackages(nfpm, target, release, { tree: made.tree, output });
  const metafiles = ["ocir-broker", "daemonset"].map((each) => join(made.programs.folder, `${each}.metafile.json`));
  const { components } = nodeLibraries(target);
  const packages = bundledPackages(...metafiles);
  return { ...made, bill: billOfMaterials("ocir-broker-daemonset", target, release, components, packages) };
}
