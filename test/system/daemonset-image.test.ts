/** The DaemonSet's image with real tools: published, or loaded onto nodes, as in cloud-init/daemonset/README.md. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import cliPackage from "../../packages/cli/package.json" with { type: "json" };
import { makeDaemonSetImage } from "../../packages/packaging/src/daemonset-image.ts";
import { TARGETS } from "../../packages/packaging/src/target.ts";
import { commandsOn } from "../documentation/pages.ts";
import { startContainerd } from "../real-clients.ts";
import { lackAsRoot, setRealRegistryStage } from "../real-registry.ts";

const CHECKOUT = join(import.meta.dirname, "../..");
const lack = lackAsRoot("skopeo", "podman", "containerd", "ctr", "docker-registry");

describe.skipIf(lack !== "")(`the DaemonSet's image${lack}`, () => {
  it("is found by the digest in the release's manifest after the README's commands", async () => {
    const stage = await setRealRegistryStage();
    const { run, directory, registryHost, simulator, authFile } = stage;
    const manifest = await makeImage(directory);
    writeFileSync(join(directory, manifest.name), manifest.text);
    const containerd = await startContainerd(stage);
    const repository = `${registryHost}/acme/ocir-broker-daemonset`;
    const commands = commandsOn("image")
      .map(({ text }) => text)
      .join("\n")
      .replace(/^repository=.*$/m, `repository=${repository}`)
      .replace(/^ctr /gm, `ctr --address ${containerd} `);
    await run("bash", "-euo", "pipefail", "-c", commands);

    const image = /image: (.*)/.exec(readFileSync(join(directory, "daemonset.yaml"), "utf8"))?.[1] ?? "";
    expect(image).toMatch(new RegExp(`^${repository}@sha256:[0-9a-f]{64}$`));
    await run("podman", "image", "exists", image);
    expect((await run("ctr", "--address", containerd, "-n", "k8s.io", "images", "ls", "-q")).split("\n")).toContain(
      image,
    );
    // As the release workflow does.
    const pushed = await run(join(CHECKOUT, ".ci/release-push"), directory, `${registryHost}/Acme`);
    expect(pushed).toBe(image.replace(/^(.*)@(.*)$/, "image=$1\ndigest=$2\n"));
    // A node without credentials.
    writeFileSync(authFile, "{}");
    const inspect = (architecture: string) =>
      run("skopeo", `--override-arch=${architecture}`, "inspect", `docker://${image}`);
    await expect(inspect("amd64")).rejects.toThrow(/unauthorized|denied/);
    simulator.iam({ repository: "acme/ocir-broker-daemonset", public: true });
    for (const architecture of ["amd64", "arm64"]) {
      expect(JSON.parse(await inspect(architecture)).Architecture).toBe(architecture);
    }
  });
});

/** For both architectures; its archives and programs are only files with the right names. @returns its manifest */
async function makeImage(folder: string) {
  const release = { version: cliPackage.version, epochS: 1_790_000_000 };
  mkdirSync(join(folder, "work"));
  for (const name of ["enter-node", "node", "libatomic.so.1", "daemonset.mjs"])
    writeFileSync(join(folder, name), "program\n");
  const contents = TARGETS.map((target) => {
    const archive = join(folder, `${target.debArchitecture}.tar.gz`);
    execFileSync("tar", ["-czf", archive, "-C", folder, "node"]);
    return { target, archive, programs: { folder }, bill: "{}" };
  });
  const { manifest } = await makeDaemonSetImage(release, contents, { work: join(folder, "work"), output: folder });
  return manifest;
}
