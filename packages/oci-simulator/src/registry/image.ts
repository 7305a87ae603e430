/**
 * The one image that every simulated repository holds: a layer with one file, its configuration, and a manifest
 * in Docker's form and in OCI's. Digests are right, so a real client can pull it.
 */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

export interface Blob {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

export interface Image {
  readonly dockerManifest: Blob;
  readonly ociManifest: Blob;
  /** Configuration and layer, by digest. */
  readonly blobs: ReadonlyMap<string, Blob>;
}

const DOCKER = "application/vnd.docker";
const OCI = "application/vnd.oci.image";
const CREATED = "2026-01-01T00:00:00Z";
const TAR_BLOCK_BYTES = 512;

export const DOCKER_MANIFEST_TYPE = `${DOCKER}.distribution.manifest.v2+json`;
export const OCI_MANIFEST_TYPE = `${OCI}.manifest.v1+json`;

export function createImage(): Image {
  const tar = tarOf("hello.txt", "This image comes from ocir-broker's OCI simulator.\n");
  const layer = blob("application/octet-stream", gzipSync(tar));
  const config = blob(
    "application/octet-stream",
    JSON.stringify({
      architecture: process.arch === "x64" ? "amd64" : process.arch,
      os: "linux",
      created: CREATED,
      config: { Cmd: ["/hello.txt"] },
      rootfs: { type: "layers", diff_ids: [digestOf(tar)] },
      history: [{ created: CREATED, created_by: "oci-simulator" }],
    }),
  );
  return {
    dockerManifest: manifest(
      DOCKER_MANIFEST_TYPE,
      `${DOCKER}.container.image.v1+json`,
      `${DOCKER}.image.rootfs.diff.tar.gzip`,
    ),
    ociManifest: manifest(OCI_MANIFEST_TYPE, `${OCI}.config.v1+json`, `${OCI}.layer.v1.tar+gzip`),
    blobs: new Map([config, layer].map((part) => [part.digest, part])),
  };

  function manifest(mediaType: string, configType: string, layerType: string): Blob {
    const descriptor = (type: string, { digest, bytes }: Blob) => ({ mediaType: type, size: bytes.length, digest });
    const content = {
      schemaVersion: 2,
      mediaType,
      config: descriptor(configType, config),
      layers: [descriptor(layerType, layer)],
    };
    return blob(mediaType, JSON.stringify(content));
  }
}

function blob(mediaType: string, content: string | Buffer): Blob {
  const bytes = Buffer.from(content);
  return { digest: digestOf(bytes), mediaType, bytes };
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** A ustar archive of one file, owned by root, with two empty blocks at its end (POSIX.1-1988). */
function tarOf(name: string, text: string): Buffer {
  const header = Buffer.alloc(TAR_BLOCK_BYTES);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  const modifiedAtS = Date.parse(CREATED) / 1_000;
  header.write(name, 0);
  header.write(
    `${octal(0o644, 7)}\0${octal(0, 7)}\0${octal(0, 7)}\0${octal(text.length, 11)}\0${octal(modifiedAtS, 11)}\0`,
    100,
  );
  header.write("        0", 148);
  header.write("ustar\x0000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\0 `, 148);
  const content = Buffer.alloc(Math.ceil(text.length / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES);
  content.write(text);
  return Buffer.concat([header, content, Buffer.alloc(2 * TAR_BLOCK_BYTES)]);
}
