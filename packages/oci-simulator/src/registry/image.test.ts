import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createImages, type Image } from "./image.ts";

/** Unpacks the only layer as a container runtime does. */
function unpack({ ociManifest, blobs }: Image): string {
  const { layers } = JSON.parse(ociManifest.bytes.toString());
  const directory = mkdtempSync(join(tmpdir(), "ocir-image-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  execFileSync("tar", ["-xzC", directory], { input: blobs.get(layers[0].digest)?.bytes });
  return directory;
}

test("each repository has an image of its own, and always the same", () => {
  const imageOf = createImages();
  const shop = imageOf("acme/shop");
  expect(readFileSync(join(unpack(shop), "hello.txt"), "utf8")).toContain("acme/shop");
  expect(imageOf("acme/shop")).toBe(shop);
  expect([...imageOf("acme/other").blobs.keys()].filter((digest) => shop.blobs.has(digest))).toEqual([]);
});

test("an image with a program runs it", () => {
  const image = createImages(Buffer.from("#!/bin/sh\necho it runs\n"))("acme/shop");
  const config = JSON.parse(image.ociManifest.bytes.toString()).config;
  const [command] = JSON.parse(String(image.blobs.get(config.digest)?.bytes)).config.Cmd;
  expect(execFileSync(join(unpack(image), command), { encoding: "utf8" })).toBe("it runs\n");
});
