/**
 * Programs and definitions of products that read pull secrets, from their Go modules. Each is made once and kept in the user's cache
 * folder. `npm run test:cluster` makes them; a test without one is skipped.
 */
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseJson } from "@ocir-broker/foundation/parse-json";
import { BuildError, buildOnce, CACHE, GO_ENVIRONMENT, lackAfter, runUntil } from "../go-build.ts";
import { type Lack, SHORT_RUN } from "../summary/lacks.ts";
import { isShortRun } from "./can-run-cluster.ts";

const SOURCE = join(import.meta.dirname, "go");
const FOLDER = join(CACHE, "consumers");
/** Without symbols. */
const SMALL = ["-ldflags", "-s -w"];

export const ARGO_CD = ownProgram("argocd", "main.go");
export const BUILDCTL = programOf("buildctl", "buildkit", "github.com/moby/buildkit/cmd/buildctl");
export const BUILDKITD = programOf("buildkitd", "buildkit", "github.com/moby/buildkit/cmd/buildkitd");
/** krane is crane with other clouds' helpers built in; its module has no version. */
export const CRANE = programOf("crane", "crane", "github.com/google/go-containerregistry/cmd/crane");
/** Flux's, unmodified. A build takes 12 minutes on two cores. */
export const SOURCE_CONTROLLER = programOf(
  "source-controller",
  "source-controller",
  "github.com/fluxcd/source-controller",
);
export const STARGZ = ownProgram("stargz", "main.go", "image.go", "serve.go");
const PROGRAMS = [ARGO_CD, BUILDCTL, BUILDKITD, CRANE, SOURCE_CONTROLLER, STARGZ];

interface DefinitionsModule {
  /** With its version. */
  readonly module: string;
  readonly sum: string;
  /** Of CustomResourceDefinitions. */
  readonly files: readonly string[];
}

const KARPENTER: DefinitionsModule = {
  module: "github.com/oracle/karpenter-provider-oci@v1.0.0",
  sum: "h1:gSxzavaRH/DvE2oKhKHDsFy5TebmcoIp0u4/i71dU1I=",
  files: ["pkg/apis/crds/oci.oraclecloud.com_ocinodeclasses.yaml"],
};

const MODULES: readonly DefinitionsModule[] = [
  {
    module: "github.com/fluxcd/source-controller@v1.9.1",
    sum: "h1:FF8XTxLND/pXzVtUESKURUDiItFJQDZBZkbHvZimN8s=",
    files: ["buckets", "externalartifacts", "gitrepositories", "helmcharts", "helmrepositories", "ocirepositories"].map(
      (plural) => `config/crd/bases/source.toolkit.fluxcd.io_${plural}.yaml`,
    ),
  },
  {
    module: "github.com/kyverno/kyverno@v1.19.1",
    sum: "h1:/MkgFii3/VlQfKR1JpC9tVwNNVNQTt2S4U6qCsafsTU=",
    files: ["imagevalidatingpolicies", "generatingpolicies", "mutatingpolicies"].map(
      (plural) => `config/crds/policies.kyverno.io/policies.kyverno.io_${plural}.yaml`,
    ),
  },
  {
    // Not the version of the program: that needs Go 1.27.
    module: "github.com/argoproj/argo-cd/v3@v3.5.7",
    sum: "h1:Xm1BF+I5OgDKUG3SDK49vn2/Y5AMyaNVko+/JT08gj0=",
    files: ["manifests/crds/application-crd.yaml", "manifests/crds/applicationset-crd.yaml"],
  },
  {
    module: "github.com/fluxcd/helm-controller@v1.4.0",
    sum: "h1:rkm8rmB6Na7eNc4pJOnvtXEaJ19iKluRtayHKjBxcUM=",
    files: ["config/crd/bases/helm.toolkit.fluxcd.io_helmreleases.yaml"],
  },
  {
    module: "github.com/sigstore/policy-controller@v0.13.1",
    sum: "h1:Woy+6bQ7pT/0m3/PSO2RtDxSHKBZ/8iHpCZFcZJThM8=",
    files: ["config/300-clusterimagepolicy.yaml"],
  },
];

export const DEFINITIONS: readonly string[] = MODULES.flatMap((each) => each.files.map((file) => placeOf(each, file)));
export const KARPENTER_DEFINITIONS = KARPENTER.files.map((file) => placeOf(KARPENTER, file));

/** Undefined if all are there, else the reason why tests are skipped. */
export function lackOf(paths: readonly string[]): string | undefined {
  const missing = paths.filter((path) => !existsSync(path));
  if (missing.length === 0) return undefined;
  const isChoice = isShortRun && missing.every((path) => PROGRAMS.some((program) => program.path === path));
  return isChoice ? SHORT_RUN : "not built, which npm run test:cluster does";
}

/** Makes what is missing; in a short run, no programs, whose builds take minutes. @returns what could not be made */
export function buildConsumers(isShort: boolean, endsAtMs: number | undefined): Lack[] {
  mkdirSync(FOLDER, { recursive: true });
  // Some module proxies do not have Karpenter's.
  const modules = [...MODULES, KARPENTER];
  const programs = isShort ? [] : PROGRAMS;
  return [
    ...modules.flatMap((each) => lackAfter(each.module, () => download(each, endsAtMs))),
    ...programs.flatMap((each) => lackAfter(basename(each.path), () => buildOnce({ ...each, endsAtMs }))),
  ];
}

/** A program of a few lines, in a folder of its own. */
function ownProgram(name: string, ...sources: readonly string[]) {
  const key = keyOf(...["go.mod", "go.sum", ...sources].map((source) => `${name}/${source}`));
  return { path: join(FOLDER, `${name}-${key}`), folder: join(SOURCE, name), args: [...SMALL, "."] };
}

/** A product's, unmodified. */
function programOf(name: string, module: string, goPackage: string) {
  const key = keyOf(`${module}.mod`, `${module}.sum`);
  return {
    path: join(FOLDER, `${name}-${key}`),
    folder: SOURCE,
    args: [...SMALL, `-modfile=${module}.mod`, goPackage],
  };
}

function download({ module, sum, files }: DefinitionsModule, endsAtMs: number | undefined): void {
  const missing = files.filter((file) => !existsSync(placeOf({ module }, file)));
  if (missing.length === 0) return;
  console.log(`downloading ${module} ...`);
  // The checksum database lacks some of these modules; their sums are here.
  const env = { ...GO_ENVIRONMENT, GOSUMDB: "off" };
  const stdout = runUntil(endsAtMs, "go", ["mod", "download", "-json", module], tmpdir(), env);
  const found = parseJson(stdout) as { Dir: string; Sum: string };
  if (found.Sum !== sum) throw new BuildError("error", `${module} has the sum ${found.Sum}`);
  for (const file of missing) copyFileSync(join(found.Dir, file), placeOf({ module }, file));
}

function placeOf({ module }: Pick<DefinitionsModule, "module">, file: string): string {
  return join(FOLDER, `${module.replaceAll("/", "+")}-${basename(file)}`);
}

function keyOf(...files: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(join(SOURCE, file)));
  return hash.digest("hex").slice(0, 12);
}
