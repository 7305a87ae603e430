import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it } from "vitest";
import { makeEmptyDaemonSetImage } from "../test/daemonset-image.ts";

const RELEASE = { version: "1.2.3-rc.4", epochS: 1_790_000_000 };

describe("makeDaemonSetImage", () => {
  const scratch = temporaryFolder();

  async function makeIn(name: string) {
    const folder = join(scratch, name);
    const made = await makeEmptyDaemonSetImage(folder, RELEASE);
    return { ...made, path: join(folder, made.image) };
  }

  it("produces the same bytes in another folder and with another umask", async () => {
    const first = await makeIn("first");
    const umask = process.umask(0o077);
    const second = await makeIn("second/folder").finally(() => process.umask(umask));
    expect(readFileSync(first.path).equals(readFileSync(second.path))).toBe(true);
    expect(first.image).toBe("ocir-broker-daemonset-1.2.3-rc.4.oci.tar");
  });

  it("produces one index, whose digest is in the manifest, with the unpacked archive", async () => {
    const { path, manifest } = await makeIn("unpacked");
    const layout = join(scratch, "unpacked/layout");
    mkdirSync(layout);
    execFileSync("tar", ["-xf", path, "-C", layout]);
    const blob = ({ digest }: { digest: string }) => {
      const content = readFileSync(join(layout, "blobs", digest.replace(":", "/")));
      expect(`sha256:${createHash("sha256").update(content).digest("hex")}`).toBe(digest);
      return content;
    };
    const [index, ...others] = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")).manifests;
    expect(others).toEqual([]);
    expect(manifest.text).toContain(`image: registry.invalid/ocir-broker-daemonset@${index.digest}\n`);
    const { manifests } = JSON.parse(blob(index).toString());
    expect(manifests.map(({ platform }: { platform: object }) => platform)).toEqual([
      { architecture: "amd64", os: "linux" },
      { architecture: "arm64", os: "linux" },
      ...Array(2).fill({ architecture: "unknown", os: "unknown" }),
    ]);
    const [images, bills] = [manifests.slice(0, 2), manifests.slice(2)];
    for (const bill of bills) {
      const { artifactType, subject, layers } = JSON.parse(blob(bill).toString());
      const [image] = images.filter(({ digest }: { digest: string }) => digest === subject.digest);
      expect([artifactType, layers[0].mediaType]).toEqual(Array(2).fill("application/vnd.cyclonedx+json"));
      expect(blob(layers[0]).toString()).toBe(`{"for":"${image.platform.architecture}"}`);
    }
    for (const image of images) {
      const { config, layers, annotations } = JSON.parse(blob(image).toString());
      expect(annotations).toMatchObject({ "org.opencontainers.image.source": expect.stringMatching(/^https:/) });
      expect(JSON.parse(blob(config).toString()).architecture).toBe(image.platform.architecture);
      const root = join(scratch, "root", image.platform.architecture);
      mkdirSync(root, { recursive: true });
      execFileSync("tar", ["-xz", "-C", root], { input: blob(layers[0]) });
      const { architecture } = image.platform;
      const program = `ocir-broker/ocir-broker-1.2.3-rc.4-linux-${architecture}/program`;
      expect(readFileSync(join(root, program), "utf8")).toBe(`for ${architecture}\n`);
      execFileSync("test", ["-x", join(root, "enter-node"), "-a", "-f", join(root, "ocir-broker/daemonset.sh")]);
    }
  });
});
