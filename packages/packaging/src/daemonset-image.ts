/**
 * The DaemonSet's image for all architectures: the release's archive, unpacked, the program that runs its installer on one node at a
 * time, and the Node for that program. It has no base image, so there is nothing else to patch.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeTree } from "./contents/installed-tree.ts";
import { finished } from "./finished.ts";
import { type Descriptor, finishLayout, type Platform, putImage, putIndex } from "./formats/oci-layout.ts";
import { makeTar } from "./formats/tar.ts";
import { CHECKOUT, type Release } from "./release.ts";
import type { Target } from "./target.ts";

const SCRIPTS = join(CHECKOUT, "cloud-init/daemonset");
const MANIFEST = join(SCRIPTS, "daemonset.yaml");
/** The image in the checkout's manifest. */
const IMAGE_WITHOUT_DIGEST = /^( *image: registry\.invalid\/ocir-broker-daemonset):\S+$/m;

export interface ImageContent {
  readonly target: Target;
  /** Path of the .tar.gz, which has one folder. */
  readonly archive: string;
  /** Folder that has `enter-node`, `daemonset.mjs`, and for it `node` and `libatomic.so.1`, all for this target. */
  readonly programs: string;
}

export interface DaemonSetFiles {
  /** Name of the image in `output`: an OCI layout in a tar. */
  readonly image: string;
  /** Of the image for all architectures. */
  readonly digest: string;
  /** Name of the manifest in `output`: the checkout's, with the image's digest. */
  readonly manifest: { readonly name: string; readonly text: string };
}

export async function makeDaemonSetImage(
  release: Release,
  contents: readonly ImageContent[],
  places: { work: string; output: string },
): Promise<DaemonSetFiles> {
  const layout = join(places.work, "layout");
  const images: (Descriptor & { platform: Platform })[] = [];
  for (const content of contents) images.push(await makeOne(release, content, layout, places.work));
  const index = putIndex(layout, images, labels(release));
  finishLayout(layout, index, release.version);
  const name = `ocir-broker-daemonset-${release.version}`;
  await makeTar(release, layout, ".", join(places.output, `${name}.oci.tar`));
  return {
    image: `${name}.oci.tar`,
    digest: index.digest,
    manifest: { name: `${name}.yaml`, text: manifestOf(index.digest) },
  };
}

async function makeOne(
  release: Release,
  { target, archive, programs }: ImageContent,
  layout: string,
  work: string,
): Promise<Descriptor & { platform: Platform }> {
  const root = join(work, target.debArchitecture);
  writeTree(root, [
    { path: "/enter-node", mode: 0o755, from: join(programs, "enter-node") },
    { path: "/ocir-broker/node", mode: 0o755, from: join(programs, "node") },
    { path: "/ocir-broker/libatomic.so.1", mode: 0o644, from: join(programs, "libatomic.so.1") },
    { path: "/ocir-broker/daemonset.mjs", mode: 0o644, from: join(programs, "daemonset.mjs") },
    { path: "/ocir-broker/daemonset.sh", mode: 0o755, from: join(SCRIPTS, "daemonset.sh") },
  ]);
  await finished("tar", ["-xzf", archive, "-C", join(root, "ocir-broker"), "--no-same-owner"]);
  // Mount points of the manifest's volumes, in case a runtime does not create them.
  for (const folder of ["status", "proc", "dev", "sys", "var/run/secrets/kubernetes.io/serviceaccount"]) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  const tarball = `${root}.tar`;
  await makeTar(release, root, ".", tarball);
  const platform: Platform = { architecture: target.debArchitecture, os: "linux" };
  const created = new Date(release.epochS * 1_000).toISOString();
  const config = { Entrypoint: ["/enter-node"], WorkingDir: "/", Labels: labels(release) };
  return { ...putImage(layout, { tar: readFileSync(tarball), platform, created, config }), platform };
}

function labels({ version }: Release): Record<string, string> {
  return {
    "org.opencontainers.image.title": "ocir-broker-daemonset",
    "org.opencontainers.image.description": "Installs ocir-broker on the node around the container",
    "org.opencontainers.image.version": version,
    "org.opencontainers.image.licenses": "Apache-2.0",
  };
}

function manifestOf(digest: string): string {
  const text = readFileSync(MANIFEST, "utf8");
  const withDigest = text.replace(IMAGE_WITHOUT_DIGEST, `$1@${digest}`);
  if (withDigest === text) throw new Error(`${MANIFEST} has no image to give a digest to`);
  return withDigest;
}
