/** The image of the pull-secrets controller for all architectures: its program, Node and the libraries that Node needs. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { billOfMaterials } from "./contents/bill-of-materials.ts";
import { bundledPackages } from "./contents/bundled-packages.ts";
import { writeTree } from "./contents/installed-tree.ts";
import { imageLibraries, imageLibraryFiles } from "./contents/libraries.ts";
import { licenceTexts } from "./contents/licence-texts.ts";
import type { BuiltPrograms } from "./contents/programs.ts";
import { finished } from "./finished.ts";
import { type ImageRoot, type MadeImage, makeImage } from "./formats/oci-image.ts";
import { CHECKOUT, type Release } from "./release.ts";
import type { Target } from "./target.ts";

interface ImageContent {
  readonly target: Target;
  /** Its folder has `node.stripped`, which looks for libraries in the system's folders only. */
  readonly programs: BuiltPrograms;
}

const NAME = "ocir-pull-secrets";
const PROGRAM = "pull-secrets.cjs";
/** As in the chart. */
const USER = "65532:65532";
export const NODE_FLAGS = [
  // V8 keeps its peak memory (packages/cli/build.ts).
  "--max-semi-space-size=1",
  "--v8-pool-size=1",
  "--single-threaded-gc",
  "--disable-sigusr1",
  "--no-addons",
];
export const ENVIRONMENT = ["MALLOC_ARENA_MAX=1", "MALLOC_TRIM_THRESHOLD_=65536"];
/** glibc otherwise asks DNS first, and never the file that a pod's hostAliases change. */
const NSSWITCH = "hosts: files dns\n";

/** @param api pull-secret-api.json instead of the checkout's. */
export async function makePullSecretsImage(
  release: Release,
  contents: readonly ImageContent[],
  places: { work: string; output: string },
  api?: string,
): Promise<MadeImage> {
  mkdirSync(places.work, { recursive: true });
  const apiFile = join(places.work, "pull-secret-api.json");
  if (api !== undefined) writeFileSync(apiFile, api);
  const args = [places.work, ...(api === undefined ? [] : [apiFile])];
  await finished(process.execPath, [join(CHECKOUT, "packages/pull-secrets/build.ts"), ...args]);
  const roots = await Array.fromAsync(contents, (content) => makeRoot(release, content, places));
  const config = {
    User: USER,
    WorkingDir: "/",
    Env: ENVIRONMENT,
    Entrypoint: ["/node", ...NODE_FLAGS, `/${PROGRAM}`],
  };
  return makeImage(
    release,
    roots,
    { name: NAME, description: "Keeps Secrets with credentials for OCIR fresh", config },
    places,
  );
}

async function makeRoot(
  release: Release,
  { target, programs }: ImageContent,
  { work, output }: { work: string; output: string },
): Promise<ImageRoot> {
  const root = join(work, target.debArchitecture);
  const packages = bundledPackages(join(work, "pull-secrets.metafile.json"));
  const libraries = imageLibraries(target);
  const bill = billOfMaterials(NAME, target, release, libraries.components, packages);
  writeFileSync(join(output, `${NAME}-${release.version}-linux-${target.debArchitecture}.cdx.json`), bill);
  const licences = licenceTexts(programs.nodePackage, libraries.licences, packages);
  writeTree(root, [
    ...imageLibraryFiles(target),
    { path: "/node", mode: 0o755, from: join(programs.folder, "node.stripped") },
    { path: `/${PROGRAM}`, mode: 0o644, from: join(work, PROGRAM) },
    { path: "/etc/nsswitch.conf", mode: 0o644, from: { text: NSSWITCH } },
    { path: "/sbom.cdx.json", mode: 0o644, from: { text: bill } },
    { path: "/third-party-licences.txt", mode: 0o644, from: { text: licences } },
  ]);
  await tryOut(target, root);
  return { target, root };
}

/** Ensures that the image has every library: with its own loader and libraries alone, Node runs. */
async function tryOut({ emulator, machine }: Target, root: string): Promise<void> {
  const libraries = join(root, "lib");
  const node = [join(root, "node"), ...NODE_FLAGS, "--version"];
  const loader = [join(root, "lib64/ld-linux-x86-64.so.2"), "--library-path", libraries];
  const [emulated = ""] = emulator.split(" ");
  const [program = "", ...args] = machine === "x86_64" ? [...loader, ...node] : [emulated, "-L", root, ...node];
  const said = await finished(program, args, { env: {} });
  if (!said.startsWith("v")) throw new Error(`node of ${machine} says: ${said}`);
}
