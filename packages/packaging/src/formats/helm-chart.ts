/**
 * A Helm chart of a release: the checkout's, with the digest of the release's image and Artifact Hub's annotations
 * (https://artifacthub.io/docs/topics/annotations/helm), as `helm package` would pack it.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CHECKOUT, pagesUrl, type Release } from "../release.ts";
import { makeTar } from "./tar.ts";

const CHARTS = join(CHECKOUT, "deploy/helm");

/** A chart, its image and its alerts have one name, but for the DaemonSet's image. */
export type ChartName = "ocir-broker" | "ocir-pull-secrets";

export interface ChartContent {
  readonly name: ChartName;
  readonly imageDigest: string;
  /** A copy of a release's, whose links lead to its documentation. */
  readonly alertRules: string;
  /** pull-secret-api.json instead of the checkout's. */
  readonly api?: string;
}

/** @returns the name of the file in `output`. */
export async function makeHelmChart(
  release: Release,
  { name, imageDigest, alertRules, api }: ChartContent,
  { work, output }: { work: string; output: string },
): Promise<string> {
  const folder = join(work, name);
  rmSync(work, { recursive: true, force: true });
  cpSync(join(CHARTS, name), folder, { recursive: true, dereference: true });
  const path = join(folder, "Chart.yaml");
  replaceIn(path, /^(version|appVersion): .*$/gm, `$1: ${release.version}`);
  replaceIn(path, /^( +image: \S+):\S+$/m, `$1:${release.version}@${imageDigest}`);
  replaceIn(path, /(?<=\/releases\/download\/)[^/]+/, `v${release.version}`);
  replaceIn(path, /(?<=prerelease: )"false"/, `"${release.version.includes("-")}"`);
  replaceIn(join(folder, "README.md"), /\]\(\.\.\/\.\.\/\.\.\//g, `](${pagesUrl(release)}/`);
  replaceIn(join(folder, "values.yaml"), /^ {2}digest: ""$/m, `  digest: ${imageDigest}`);
  writeFileSync(join(folder, `files/${name}.rules.yaml`), alertRules);
  if (api !== undefined) {
    writeFileSync(join(folder, "files/api.json"), api);
    replaceIn(path, /API_GROUP/g, (JSON.parse(api) as { group: string }).group);
  }
  const file = `${name}-${release.version}.tgz`;
  await makeTar(release, work, name, join(output, file));
  return file;
}

function replaceIn(path: string, pattern: RegExp, replacement: string): void {
  const before = readFileSync(path, "utf8");
  if (before.search(pattern) === -1) throw new Error(`${path} has no ${pattern}`);
  writeFileSync(path, before.replace(pattern, replacement));
}
