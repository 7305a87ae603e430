/**
 * The DaemonSet's image for all architectures: the release's archive, unpacked, the program that runs its installer on one node at a
 * time, and the Node for that program.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeTree } from "./contents/installed-tree.ts";
import type { BuiltPrograms } from "./contents/programs.ts";
import { finished } from "./finished.ts";
import { type ImageRoot, type MadeImage, makeImage } from "./formats/oci-image.ts";
import { CHECKOUT, type Release } from "./release.ts";
import type { Target } from "./target.ts";

const NAME = "ocir-broker-daemonset";
const SCRIPTS = join(CHECKOUT, "cloud-init/daemonset");
const MANIFEST = join(SCRIPTS, "daemonset.yaml");
const IMAGE_WITHOUT_DIGEST = /^( *image: registry\.invalid\/ocir-broker-daemonset):\S+$/m;

export interface ImageContent {
  readonly target: Target;
  /** Path of the .tar.gz, which has one folder. */
  readonly archive: string;
  /** Its folder has `enter-node`, `daemonset.mjs`, and for it `node` and `libatomic.so.1`, all for this target. */
  readonly programs: Pick<BuiltPrograms, "folder">;
  readonly bill: string;
}

export interface DaemonSetFiles extends MadeImage {
  /** Name of the manifest in `output`: the checkout's, with the image's digest. */
  readonly manifest: { readonly name: string; readonly text: string };
}

export async function makeDaemonSetImage(
  release: Release,
  contents: readonly ImageContent[],
  places: { work: string; output: string },
): Promise<DaemonSetFiles> {
  const roots = await Array.fromAsync(contents, (content) => makeRoot(content, places.work));
  const description = "Installs ocir-broker on the node around the container";
  const config = { Entrypoint: ["/enter-node"], WorkingDir: "/" };
  const made = await makeImage(release, roots, { name: NAME, description, config }, places);
  return { ...made, manifest: { name: `${NAME}-${release.version}.yaml`, text: manifestOf(made.digest) } };
}

async function makeRoot({ target, archive, programs, bill }: ImageContent, work: string): Promise<ImageRoot> {
  const { folder } = programs;
  const root = join(work, target.debArchitecture);
  writeTree(root, [
    { path: "/sbom.cdx.json", mode: 0o644, from: { text: bill } },
    { path: "/enter-node", mode: 0o755, from: join(folder, "enter-node") },
    { path: "/ocir-broker/node", mode: 0o755, from: join(folder, "node") },
    { path: "/ocir-broker/libatomic.so.1", mode: 0o644, from: join(folder, "libatomic.so.1") },
    { path: "/ocir-broker/daemonset.mjs", mode: 0o644, from: join(folder, "daemonset.mjs") },
    { path: "/ocir-broker/daemonset.sh", mode: 0o755, from: join(SCRIPTS, "daemonset.sh") },
  ]);
  await finished("tar", ["-xzf", archive, "-C", join(root, "ocir-broker"), "--no-same-owner"]);
  // The mount point of the manifest's emptyDir.
  mkdirSync(join(root, "status"), { recursive: true });
  return { target, root };
}

function manifestOf(digest: string): string {
  const text = readFileSync(MANIFEST, "utf8");
  const withDigest = text.replace(IMAGE_WITHOUT_DIGEST, `$1@${digest}`);
  if (withDigest === text) throw new Error(`${MANIFEST} has no image to give a digest to`);
  return withDigest;
}
