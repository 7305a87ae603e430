/** An OCI image layout in a folder: content under its digest, and one image that the folder is about. Knows nothing of what is in it. */
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const OCI = "application/vnd.oci.image";

/** How one piece of content refers to another. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export interface Platform {
  readonly architecture: string;
  readonly os: "linux";
}

/** An image of one layer for one platform. `config` is what its container is started with. */
export function putImage(
  layout: string,
  image: { tar: Buffer; platform: Platform; created: string; config: Readonly<Record<string, unknown>> },
): Descriptor {
  const { tar, platform, created, config } = image;
  const layers = [put(layout, "layer.v1.tar+gzip", gzipSync(tar, { level: 1 }))];
  const rootfs = { type: "layers", diff_ids: [digestOf(tar)] };
  const configuration = putJson(layout, "config.v1+json", { created, ...platform, config, rootfs });
  return putJson(layout, "manifest.v1+json", {
    schemaVersion: 2,
    mediaType: `${OCI}.manifest.v1+json`,
    config: configuration,
    layers,
  });
}

/** One name for the images of several platforms. */
export function putIndex(
  layout: string,
  manifests: readonly (Descriptor & { readonly platform: Platform })[],
  annotations: Readonly<Record<string, string>>,
): Descriptor {
  return putJson(layout, "index.v1+json", {
    schemaVersion: 2,
    mediaType: `${OCI}.index.v1+json`,
    manifests,
    annotations,
  });
}

/** Makes the folder a layout that holds this image under this tag. */
export function finishLayout(layout: string, image: Descriptor, tag: string): void {
  const annotations = { "org.opencontainers.image.ref.name": tag };
  const index = { schemaVersion: 2, mediaType: `${OCI}.index.v1+json`, manifests: [{ ...image, annotations }] };
  write(join(layout, "index.json"), JSON.stringify(index));
  write(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
}

function putJson(layout: string, kind: string, content: unknown): Descriptor {
  return put(layout, kind, Buffer.from(JSON.stringify(content)));
}

function put(layout: string, kind: string, content: Buffer): Descriptor {
  const digest = digestOf(content);
  const blobs = join(layout, "blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  write(join(blobs, digest.slice("sha256:".length)), content);
  return { mediaType: `${OCI}.${kind}`, digest, size: content.length };
}

/** With the same mode whatever the umask is. */
function write(path: string, content: string | Buffer): void {
  writeFileSync(path, content);
  chmodSync(path, 0o644);
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}
