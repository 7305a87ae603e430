/** The Helm chart of a release: the checkout's, with the digest of the release's image, as `helm package` would pack it. */
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CHECKOUT, type Release } from "../release.ts";
import { makeTar } from "./tar.ts";

const CHART = join(CHECKOUT, "deploy/helm/ocir-broker");
/** The chart's rules file is a copy of a release's, whose links lead to its documentation. */
const RULES = "files/ocir-broker.rules.yaml";

export interface ChartContent {
  /** Digest of the DaemonSet's image. */
  readonly imageDigest: string;
  readonly alertRules: string;
}

/** @returns the name of the file in `output`. */
export async function makeHelmChart(
  release: Release,
  { imageDigest, alertRules }: ChartContent,
  { work, output }: { work: string; output: string },
): Promise<string> {
  const folder = join(work, "ocir-broker");
  rmSync(work, { recursive: true, force: true });
  cpSync(CHART, folder, { recursive: true, dereference: true });
  replaceIn(join(folder, "Chart.yaml"), /^(version|appVersion): .*$/gm, `$1: ${release.version}`);
  replaceIn(join(folder, "values.yaml"), /^ {2}digest: ""$/m, `  digest: ${imageDigest}`);
  writeFileSync(join(folder, RULES), alertRules);
  const name = `ocir-broker-${release.version}.tgz`;
  await makeTar(release, work, "ocir-broker", join(output, name));
  return name;
}

function replaceIn(path: string, pattern: RegExp, replacement: string): void {
  const before = readFileSync(path, "utf8");
  if (before.search(pattern) === -1) throw new Error(`${path} has no ${pattern}`);
  writeFileSync(path, before.replace(pattern, replacement));
}
