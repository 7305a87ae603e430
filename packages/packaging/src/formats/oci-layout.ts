/** Writes an OCI image layout: content under its digest, and one image. Does not interpret the content. */
import { hash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const OCI = "application/vnd.oci.image";

/** A reference from one piece of content to another. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export interface Platform {
  readonly architecture: string;
  readonly os: "linux";
}

export type Annotations = Readonly<Record<string, string>>;

interface Image {
  readonly tar: Buffer;
  readonly platform: Platform;
  readonly created: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly annotations?: Annotations;
}

/** An image with one layer for one platform. `config` is the container's configuration. */
export function putImage(layout: string, image: Image): Descriptor {
  const { tar, platform, created, config, annotations } = image;
  const layers = [put(layout, "layer.v1.tar+gzip", gzipSync(tar, { level: 1 }))];
  const rootfs = { type: "layers", diff_ids: [digestOf(tar)] };
  const configuration = putJson(layout, "config.v1+json", { created, ...platform, config, rootfs });
  return putJson(layout, "manifest.v1+json", {
    schemaVersion: 2,
    mediaType: `${OCI}.manifest.v1+json`,
    config: configuration,
    layers,
    annotations,
  });
}

/** An index: one name for the images of several platforms. */
export function putIndex(
  layout: string,
  manifests: readonly (Descriptor & { readonly platform: Platform })[],
  annotations: Annotations,
): Descriptor {
  return putJson(layout, "index.v1+json", {
    schemaVersion: 2,
    mediaType: `${OCI}.index.v1+json`,
    manifests,
    annotations,
  });
}

export function finishLayout(layout: string, image: Descriptor, tag: string): void {
  const annotations = { "org.opencontainers.image.ref.name": tag };
  const index = { schemaVersion: 2, mediaType: `${OCI}.index.v1+json`, manifests: [{ ...image, annotations }] };
  writeFileSync(join(layout, "index.json"), JSON.stringify(index));
  writeFileSync(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
}

function putJson(layout: string, kind: string, content: unknown): Descriptor {
  return put(layout, kind, Buffer.from(JSON.stringify(content)));
}

function put(layout: string, kind: string, content: Buffer): Descriptor {
  const digest = digestOf(content);
  const blobs = join(layout, "blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  writeFileSync(join(blobs, digest.slice("sha256:".length)), content);
  return { mediaType: `${OCI}.${kind}`, digest, size: content.length };
}

function digestOf(content: Buffer): string {
  return `sha256:${hash("sha256", content)}`;
}
