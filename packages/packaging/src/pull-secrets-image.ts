/**
 * The image of the pull-secrets controller for all architectures: its program, Node and the libraries that Node needs. It has no base
 * image, so there is nothing else to patch.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { billOfMaterials } from "./contents/bill-of-materials.ts";
import { type BundledPackage, bundledPackages } from "./contents/bundled-packages.ts";
import { writeTree } from "./contents/installed-tree.ts";
import { licenceTexts } from "./contents/licence-texts.ts";
import { runtimeComponents, runtimeLibraries, runtimeLicences } from "./contents/runtime-libraries.ts";
import { finished } from "./finished.ts";
import { type Descriptor, finishLayout, type Platform, putImage, putIndex } from "./formats/oci-layout.ts";
import { makeTar } from "./formats/tar.ts";
import { CHECKOUT, type Release } from "./release.ts";
import type { Target } from "./target.ts";

export interface PullSecretsPrograms {
  readonly target: Target;
  /** Folder that has `node.stripped`, which looks for libraries in the system's folders only, and `libatomic.so.1`. */
  readonly programs: string;
  /** The npm package whose Node this is. */
  readonly nodePackage: string;
}

const NAME = "ocir-pull-secrets";
const PROGRAM = "pull-secrets.cjs";
/** As in the chart. */
const USER = "65532:65532";
const NODE_FLAGS = [
  // V8 keeps its peak memory (packages/cli/build.ts).
  "--max-semi-space-size=1",
  "--v8-pool-size=1",
  "--single-threaded-gc",
  "--disable-sigusr1",
  "--no-addons",
  "--disable-warning=DEP0040",
];
/** glibc otherwise asks DNS first, and never the file that a pod's hostAliases change. */
const NSSWITCH = "hosts: files dns\n";

/** @returns the name of the OCI layout in `output`, and the digest of the image for all architectures. */
export async function makePullSecretsImage(
  release: Release,
  contents: readonly PullSecretsPrograms[],
  places: { work: string; output: string },
): Promise<{ image: string; digest: string }> {
  mkdirSync(places.work, { recursive: true });
  await finished(process.execPath, [join(CHECKOUT, "packages/pull-secrets/build.ts"), places.work]);
  const layout = join(places.work, "layout");
  const images: (Descriptor & { platform: Platform })[] = [];
  for (const content of contents) {
    const bill = billOf(release, content.target, places.work);
    writeFileSync(
      join(places.output, `${NAME}-${release.version}-linux-${content.target.debArchitecture}.cdx.json`),
      bill,
    );
    images.push(await makeOne(release, content, bill, layout, places.work));
  }
  const index = putIndex(layout, images, labels(release));
  finishLayout(layout, index, release.version);
  const image = `${NAME}-${release.version}.oci.tar`;
  await makeTar(release, layout, ".", join(places.output, image));
  return { image, digest: index.digest };
}

function packagesIn(work: string): BundledPackage[] {
  return bundledPackages(join(work, "pull-secrets.metafile.json"));
}

function billOf(release: Release, target: Target, work: string): string {
  return billOfMaterials(NAME, target, release, packagesIn(work), runtimeComponents(target));
}

async function makeOne(
  release: Release,
  { target, programs, nodePackage }: PullSecretsPrograms,
  bill: string,
  layout: string,
  work: string,
): Promise<Descriptor & { platform: Platform }> {
  const root = join(work, target.debArchitecture);
  const licences = licenceTexts(target, nodePackage, packagesIn(work), runtimeLicences(target));
  writeTree(root, [
    ...runtimeLibraries(target),
    { path: "/lib/libatomic.so.1", mode: 0o755, from: join(programs, "libatomic.so.1") },
    { path: "/node", mode: 0o755, from: join(programs, "node.stripped") },
    { path: `/${PROGRAM}`, mode: 0o644, from: join(work, PROGRAM) },
    { path: "/etc/nsswitch.conf", mode: 0o644, from: { text: NSSWITCH } },
    { path: "/sbom.cdx.json", mode: 0o644, from: { text: bill } },
    { path: "/third-party-licences.txt", mode: 0o644, from: { text: licences } },
  ]);
  // Mount points, in case a runtime does not create them.
  for (const folder of ["proc", "dev", "sys", "var/run/secrets/kubernetes.io/serviceaccount"])
    mkdirSync(join(root, folder), { recursive: true });
  await tryOut(target, root);
  const tarball = `${root}.tar`;
  await makeTar(release, root, ".", tarball);
  const platform: Platform = { architecture: target.debArchitecture, os: "linux" };
  const created = new Date(release.epochS * 1_000).toISOString();
  const config = {
    User: USER,
    WorkingDir: "/",
    Env: ["MALLOC_ARENA_MAX=1", "MALLOC_TRIM_THRESHOLD_=65536"],
    Entrypoint: ["/node", ...NODE_FLAGS, `/${PROGRAM}`],
    Labels: labels(release),
  };
  return { ...putImage(layout, { tar: readFileSync(tarball), platform, created, config }), platform };
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

function labels({ version }: Release): Record<string, string> {
  return {
    "org.opencontainers.image.title": NAME,
    "org.opencontainers.image.description": "Keeps Secrets with credentials for OCIR fresh",
    "org.opencontainers.image.version": version,
    "org.opencontainers.image.licenses": "Apache-2.0",
  };
}
