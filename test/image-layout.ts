/** Writes a tiny image as an OCI layout: one layer with one file. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { finishLayout, putImage } from "../packages/packaging/src/formats/oci-layout.ts";

export type ImageLayout = ReturnType<typeof writeImageLayout>;

/** With the tag `latest`. `text` is the file's content, so that images can differ. @returns the manifest's digest too */
export function writeImageLayout(path: string, text: string) {
  const root = join(path, "root");
  mkdirSync(root, { recursive: true });
  writeFileSync(join(root, "hello.txt"), text);
  const tar = execFileSync("tar", ["--create", "--owner=0", "--group=0", `--directory=${root}`, "hello.txt"]);
  const image = putImage(path, {
    tar,
    platform: { architecture: process.arch === "x64" ? "amd64" : process.arch, os: "linux" },
    created: "2026-01-01T00:00:00Z",
    config: { Cmd: ["/hello.txt"] },
  });
  finishLayout(path, image, "latest");
  return { path, digest: image.digest };
}
