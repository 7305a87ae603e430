/**
 * The content of every simulated repository: an image with one layer, whose file names the repository, a configuration and a
 * manifest in Docker's form. The digests are correct, so a real client can pull it.
 */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

export type Blob = ReturnType<typeof blob>;

export type Image = ReturnType<typeof createImage>;

const DOCKER = "application/vnd.docker";
const CREATED = "2026-01-01T00:00:00Z";
const TAR_BLOCK_BYTES = 512;

/** @param program a static executable for containers of the image; without it, the image cannot be run. */
export function createImages(program?: Buffer): (repository: string) => Image {
  const images = new Map<string, Image>();
  return (repository) => {
    const image = images.get(repository) ?? createImage(repository, program);
    images.set(repository, image);
    return image;
  };
}

function createImage(repository: string, program: Buffer | undefined) {
  const hello: ArchivedFile = ["hello.txt", 0o644, Buffer.from(`This is ${repository} of an OCI simulator.\n`)];
  const tar = tarOf(program === undefined ? [hello] : [hello, ["program", 0o755, program]]);
  const layer = blob(`${DOCKER}.image.rootfs.diff.tar.gzip`, gzipSync(tar));
  const config = blob(
    `${DOCKER}.container.image.v1+json`,
    JSON.stringify({
      architecture: process.arch === "x64" ? "amd64" : process.arch,
      os: "linux",
      created: CREATED,
      config: { Cmd: [program === undefined ? "/hello.txt" : "/program"] },
      rootfs: { type: "layers", diff_ids: [digestOf(tar)] },
      history: [{ created: CREATED, created_by: "oci-simulator" }],
    }),
  );
  const mediaType = `${DOCKER}.distribution.manifest.v2+json`;
  const content = { schemaVersion: 2, mediaType, config: descriptorOf(config), layers: [descriptorOf(layer)] };
  return {
    manifest: blob(mediaType, JSON.stringify(content)),
    /** Configuration and layer, by digest. */
    blobs: new Map([config, layer].map((part) => [part.digest, part])),
  };
}

function descriptorOf({ mediaType, digest, bytes }: Blob): object {
  return { mediaType, size: bytes.length, digest };
}

function blob(mediaType: string, content: string | Buffer) {
  const bytes = Buffer.from(content);
  return { digest: digestOf(bytes), mediaType, bytes };
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

type ArchivedFile = readonly [name: string, mode: number, content: Buffer];

/** A ustar archive of files owned by root, with two empty blocks at its end (POSIX.1-1988). */
function tarOf(files: readonly ArchivedFile[]): Buffer {
  const blocks = files.flatMap(([name, mode, content]) => {
    const padding = Buffer.alloc(-content.length & (TAR_BLOCK_BYTES - 1));
    return [tarHeader(name, mode, content.length), content, padding];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * TAR_BLOCK_BYTES)]);
}

function tarHeader(name: string, mode: number, size: number): Buffer {
  const header = Buffer.alloc(TAR_BLOCK_BYTES);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  const modifiedAtS = Date.parse(CREATED) / 1_000;
  header.write(name, 0);
  const numbers = [octal(mode, 7), octal(0, 7), octal(0, 7), octal(size, 11), octal(modifiedAtS, 11)];
  header.write(numbers.map((number) => `${number}\0`).join(""), 100);
  header.write("        0", 148);
  header.write("ustar\x0000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\0 `, 148);
  return header;
}
