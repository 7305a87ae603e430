/** An image for all architectures without a base, so there is nothing else to patch: an OCI layout in a tar. */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { homeUrl, pagesUrl, type Release } from "../release.ts";
import type { Target } from "../target.ts";
import { finishLayout, putImage, putIndex } from "./oci-layout.ts";
import { makeTar } from "./tar.ts";

export interface ImageRoot {
  readonly target: Target;
  readonly root: string;
}

interface ImageFacts {
  readonly name: string;
  readonly description: string;
  /** The container's configuration, without its labels. */
  readonly config: Readonly<Record<string, unknown>>;
}

export interface MadeImage {
  /** Its file's name in `output`. */
  readonly image: string;
  /** Of the image for all architectures. */
  readonly digest: string;
}

/** In case a runtime does not create them. */
const MOUNT_POINTS = ["proc", "dev", "sys", "var/run/secrets/kubernetes.io/serviceaccount"];

export async function makeImage(
  release: Release,
  roots: readonly ImageRoot[],
  { name, description, config }: ImageFacts,
  { work, output }: { work: string; output: string },
): Promise<MadeImage> {
  const layout = join(work, "layout");
  const created = new Date(release.epochS * 1_000).toISOString();
  const home = homeUrl();
  const labels = {
    "org.opencontainers.image.title": name,
    "org.opencontainers.image.description": description,
    "org.opencontainers.image.version": release.version,
    "org.opencontainers.image.licenses": "Apache-2.0",
    "org.opencontainers.image.created": created,
    "org.opencontainers.image.source": home,
    "org.opencontainers.image.url": home,
    "org.opencontainers.image.documentation": `${pagesUrl(release)}/docs/install.md`,
  };
  const images = [];
  for (const { target, root } of roots) {
    for (const folder of MOUNT_POINTS) mkdirSync(join(root, folder), { recursive: true });
    const tarball = `${root}.tar`;
    await makeTar(release, root, ".", tarball);
    const platform = { architecture: target.debArchitecture, os: "linux" } as const;
    const containerConfig = { ...config, Labels: labels };
    const image = { tar: readFileSync(tarball), platform, created, config: containerConfig, annotations: labels };
    images.push({ ...putImage(layout, image), platform });
  }
  const index = putIndex(layout, images, labels);
  finishLayout(layout, index, release.version);
  const image = `${name}-${release.version}.oci.tar`;
  await makeTar(release, layout, ".", join(output, image));
  return { image, digest: index.digest };
}
