/** A tiny image as an OCI layout on disk, made from nothing: one layer with one file, a configuration, a manifest. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

export interface ImageLayout {
  readonly path: string;
  /** Of the manifest. */
  readonly digest: string;
}

const OCI = "application/vnd.oci.image";

/** Under the tag `latest`. `text` is the file's, so that no two images need be the same. */
export function writeImageLayout(path: string, text: string): ImageLayout {
  const blobs = join(path, "blobs/sha256");
  const root = join(path, "root");
  for (const directory of [blobs, root]) mkdirSync(directory, { recursive: true });
  writeFileSync(join(root, "hello.txt"), text);
  const tar = execFileSync("tar", ["--create", "--owner=0", "--group=0", `--directory=${root}`, "hello.txt"]);

  function put(mediaType: string, content: string | Buffer) {
    const bytes = Buffer.from(content);
    const digest = digestOf(bytes);
    writeFileSync(join(blobs, digest.slice("sha256:".length)), bytes);
    return { mediaType, size: bytes.length, digest };
  }

  const config = put(
    `${OCI}.config.v1+json`,
    JSON.stringify({
      architecture: process.arch === "x64" ? "amd64" : process.arch,
      os: "linux",
      config: { Cmd: ["/hello.txt"] },
      rootfs: { type: "layers", diff_ids: [digestOf(tar)] },
    }),
  );
  const layers = [put(`${OCI}.layer.v1.tar+gzip`, gzipSync(tar))];
  const mediaType = `${OCI}.manifest.v1+json`;
  const manifest = put(mediaType, JSON.stringify({ schemaVersion: 2, mediaType, config, layers }));
  const annotations = { "org.opencontainers.image.ref.name": "latest" };
  writeFileSync(
    join(path, "index.json"),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
  );
  writeFileSync(join(path, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  return { path, digest: manifest.digest };
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
