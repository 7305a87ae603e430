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
import { buildPrograms } from "./contents/programs.ts";
import { type ImageContent, makeDaemonSetImage } from "./daemonset-image.ts";
import { makeArchive } from "./formats/archive.ts";
import { type ChartContent, makeHelmChart } from "./formats/helm-chart.ts";
import { buildNfpm, makeLinuxPackages } from "./formats/linux-packages.ts";
import { NODE_SCRIPT, nodeScript } from "./node-script.ts";
import { releaseSums, sha256Of, writeSums } from "./publishing/sums.ts";
import { makePullSecretsImage, type PullSecretsPrograms } from "./pull-secrets-image.ts";
import { CHECKOUT, type Release } from "./release.ts";
import { INDEX, releaseIndex } from "./release-index.ts";
import { TARGETS, type Target } from "./target.ts";

export interface ReleaseOptions {
  readonly release: Release;
  /** The folder in which nodes find the archives. */
  readonly baseUrl: string | undefined;
  /** Of pull secrets; without one, the release has no files of them. */
  readonly apiGroup: string | undefined;
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
  const put = (name: string, text: string): void => writeFileSync(join(output, name), text);
  const prefix = `ocir-broker-${release.version}`;
  put(`${prefix}-build-tools.txt`, describeBuildTools(TARGETS, release));
  put(`${prefix}.rules.yaml`, alertRules(environment, "ocir-broker"));
  copyFileSync(join(CHECKOUT, "monitoring/ocir-broker.dashboard.json"), join(output, `${prefix}.dashboard.json`));
  onStep("nfpm");
  const nfpm = await buildNfpm(work);
  const contents = await Promise.all(TARGETS.map((target) => makePackages(target, nfpm, options)));
  onStep("the DaemonSet's image");
  const { manifest, digest } = await makeDaemonSetImage(release, contents, { work: join(work, "daemonset"), output });
  put(manifest.name, manifest.text);
  const sha256 = Object.fromEntries(
    contents.map(({ target, archive }) => [target.debArchitecture, sha256Of(archive)]),
  ) as Record<Target["debArchitecture"], string>;
  put(NODE_SCRIPT, nodeScript({ version: release.version, baseUrl: options.baseUrl, sha256 }));
  await makeChart(options, { name: "ocir-broker", imageDigest: digest });
  if (options.apiGroup !== undefined) {
    onStep("the pull-secrets controller's image");
    const api = apiText(options.apiGroup);
    const places = { work: join(work, "pull-secrets"), output };
    const controller = await makePullSecretsImage(release, contents, places, api);
    await makeChart(options, { name: "ocir-pull-secrets", imageDigest: controller.digest, api });
  }
  put(INDEX, releaseIndex([...releaseSums(output).keys()], release.version));
  return writeSums(output);
}

function makeChart({ release, environment, output, work }: ReleaseOptions, chart: Omit<ChartContent, "alertRules">) {
  const docsUrl = environment["OCIR_BROKER_DOCS_URL"];
  const content = { ...chart, docsUrl, alertRules: alertRules(environment, chart.name) };
  return makeHelmChart(release, content, { work: join(work, "chart", chart.name), output });
}

/** One after another for a target, both targets in parallel: one processor each. */
async function makePackages(
  target: Target,
  nfpm: string,
  { release, output, work, onStep }: ReleaseOptions,
): Promise<ImageContent & PullSecretsPrograms> {
  const { debArchitecture: name } = target;
  const places = { work: join(work, name), output };
  onStep(`the programs for ${name}`);
  const programs = await buildPrograms(target, release, join(places.work, "programs"));
  const files = installedFiles(target, release, programs);
  const list = files.find(({ path }) => path.endsWith("/sbom.cdx.json"))?.from;
  if (typeof list !== "object") throw new Error("the bill of materials is missing");
  writeFileSync(join(output, `ocir-broker-${release.version}-linux-${name}.cdx.json`), list.text);
  onStep(`the archive for ${name}`);
  const { archive, tree } = await makeArchive(target, release, files, places);
  onStep(`the .deb and the .rpm for ${name}`);
  await makeLinuxPackages(nfpm, target, release, { tree, output });
  const metafiles = ["ocir-broker", "daemonset"].map((each) => join(programs.folder, `${each}.metafile.json`));
  const packages = bundledPackages(...metafiles);
  const { components } = nodeLibraries(target);
  const bill = billOfMaterials("ocir-broker-daemonset", target, release, components, packages);
  return { target, archive, programs: programs.folder, nodePackage: programs.nodePackage, bill };
}
