import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startDockerd } from "../real-clients.ts";
import { lackAsRoot, type RealRegistryStage, setRealRegistryStage } from "../real-registry.ts";
import { buildHelm, HELM, lackOfHelm } from "./helm/helm-program.ts";

type Commands = (name: string, again: string, stage: RealRegistryStage) => Promise<string[]>;

/** Shell commands that pull an image and push it under another name. */
const CLIENTS: readonly (readonly [client: string, commands: Commands])[] = [
  ["podman", async (name, again) => [`podman pull ${name}`, `podman push ${name} ${again}`]],
  ["buildah", async (name, again) => [`buildah pull ${name}`, `buildah push ${name} docker://${again}`]],
  [
    "dockerd",
    async (name, again, stage) => {
      const docker = `docker --host ${await startDockerd(stage)}`;
      return [`${docker} pull ${name}`, `${docker} tag ${name} ${again}`, `${docker} push ${again}`];
    },
  ],
];

describe.each(CLIENTS)("%s", (client, commands) => {
  const lack = lackAsRoot(client, "docker", "skopeo", "docker-registry");

  it.skipIf(lack !== "")(`pulls an image and pushes it under another name, with one token${lack}`, async () => {
    const stage = await setRealRegistryStage();
    const name = await stage.push("acme/shop/web:1");
    const again = `${stage.registryHost}/acme/again:1`;
    for (const command of await commands(name, again, stage)) await stage.run("sh", "-c", command);
    expect(await stage.run("skopeo", "inspect", "--format={{.Digest}}", `docker://${again}`)).toContain("sha256:");
    expect(stage.simulator.requests()).toMatchObject({ "registry.token": 1, "registry.anonymousToken": 0 });
  });
});

const lackOfRegistry = lackAsRoot("docker-registry") || lackOfHelm;

it.skipIf(lackOfRegistry !== "")(`helm pushes a chart and pulls it${lackOfRegistry}`, async () => {
  await buildHelm();
  const { run, registryHost, directory, simulator } = await setRealRegistryStage();
  await run(HELM, "create", join(directory, "web"));
  await run(HELM, "package", join(directory, "web"), "--destination", directory);
  await run(HELM, "push", join(directory, "web-0.1.0.tgz"), `oci://${registryHost}/acme`, "--plain-http");
  const pulled = ["--destination", join(directory, "web"), "--plain-http"];
  await run(HELM, "pull", `oci://${registryHost}/acme/web`, "--version", "0.1.0", ...pulled);
  expect(await run("tar", "-tf", join(directory, "web/web-0.1.0.tgz"))).toContain("web/Chart.yaml");
  expect(simulator.requests()).toMatchObject({ "registry.token": 1, "registry.anonymousToken": 0 });
});
