import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { BROKER } from "../daemon.ts";
import { startContainerd, startDockerd, typePassword } from "../real-clients.ts";
import { lackAsRoot, type RealRegistryStage, setRealRegistryStage } from "../real-registry.ts";
import { buildHelm, HELM, lackOfHelm } from "./helm/helm-program.ts";

/** The image's name in that registry. */
const push = async ({ run, image, registryHost }: RealRegistryStage): Promise<string> => {
  const name = `${registryHost}/acme/shop/web:1`;
  const to = [`oci:${image.path}:latest`, `docker://${name}`];
  await run("skopeo", "copy", ...to);
  return name;
};

const lackOfPodman = lackAsRoot("podman", "skopeo", "docker-registry");

describe.skipIf(lackOfPodman !== "")(`podman${lackOfPodman}`, () => {
  it("pulls an image and pushes it under another name", async () => {
    const stage = await setRealRegistryStage();
    const { run, registryHost, image, simulator } = stage;
    const name = await push(stage);
    await run("podman", "pull", name);
    expect((await run("podman", "image", "inspect", "--format={{.Digest}}", name)).trim()).toBe(image.digest);
    const again = `${registryHost}/acme/again:1`;
    await run("podman", "push", name, again);
    expect(await run("skopeo", "inspect", `docker://${again}`)).toContain('"Digest"');
    expect(simulator.requests()).toMatchObject({ "registry.token": 1, "auth.x509": 1 });
  });

  it("is told politely that there is nothing to log in to", async () => {
    const stage = await setRealRegistryStage();
    const login = `${BROKER} get --config ${stage.config.path} --output password ${stage.registryHost}/a/b |
      podman login --authfile ${stage.authFile} -u BEARER_TOKEN --password-stdin ${stage.registryHost}`;
    await expect(stage.run("bash", "-o", "pipefail", "-c", login)).rejects.toThrow(
      "ocir-broker: shim-nothing-stored: ",
    );
  });

  it("pulls with the password that ocir-broker get prints", async () => {
    const stage = await setRealRegistryStage();
    const name = await push(stage);
    const authFile = join(stage.directory, "logged-in.json");
    const get = `${BROKER} get --config ${stage.config.path} --output password ${name}`;
    const login = `podman login --authfile=${authFile} -u BEARER_TOKEN --password-stdin ${stage.registryHost}`;
    expect(await stage.run("bash", "-o", "pipefail", "-c", `${get} | ${login}`)).toContain("Login Succeeded!");
    await stage.run("podman", "pull", `--authfile=${authFile}`, name);
  });
});

const lackOfDocker = lackAsRoot("docker", "skopeo", "docker-registry");

describe.skipIf(lackOfDocker !== "")(`docker${lackOfDocker}`, () => {
  it("reads a manifest, without its daemon", async () => {
    const stage = await setRealRegistryStage();
    const name = await push(stage);
    const { layers } = JSON.parse(await stage.run("docker", "manifest", "inspect", "--insecure", name));
    expect(layers).toHaveLength(1);
    expect(stage.simulator.requests()["registry.anonymousToken"]).toBe(0);
  });
});

const lackOfDockerd = lackAsRoot("docker", "dockerd", "skopeo", "docker-registry");

describe.skipIf(lackOfDockerd !== "")(`docker's daemon${lackOfDockerd}`, () => {
  it("pulls and pushes an image with what the helper says to its client", async () => {
    const stage = await setRealRegistryStage();
    const name = await push(stage);
    const docker = ["docker", "--host", await startDockerd(stage)] as const;
    await stage.run(...docker, "pull", name);
    const again = `${stage.registryHost}/acme/again:1`;
    await stage.run(...docker, "tag", name, again);
    await stage.run(...docker, "push", again);
    expect(await stage.run("skopeo", "inspect", `docker://${again}`)).toContain('"Digest"');
    expect(stage.simulator.requests()).toMatchObject({ "registry.token": 1, "registry.anonymousToken": 0 });
  });

  it("pulls nothing where the node has no policy", async () => {
    const stage = await setRealRegistryStage();
    const name = await push(stage);
    const docker = ["docker", "--host", await startDockerd(stage)] as const;
    stage.simulator.iam({ granted: false });
    await expect(stage.run(...docker, "pull", name)).rejects.toThrow(/unauthorized|denied/);
  });
});

const lackOfBuildah = lackAsRoot("buildah", "skopeo", "docker-registry");

describe.skipIf(lackOfBuildah !== "")(`buildah${lackOfBuildah}`, () => {
  it("pulls an image and pushes it under another name", async () => {
    const stage = await setRealRegistryStage();
    const name = await push(stage);
    await stage.run("buildah", "pull", name);
    const again = `${stage.registryHost}/acme/again:1`;
    await stage.run("buildah", "push", name, `docker://${again}`);
    expect(await stage.run("skopeo", "inspect", `docker://${again}`)).toContain('"Digest"');
  });
});

const lackOfRegistry = lackAsRoot("docker-registry") || lackOfHelm;

describe.skipIf(lackOfRegistry !== "")(`helm${lackOfRegistry}`, () => {
  it("pushes a chart and pulls it", async () => {
    buildHelm();
    const { run, registryHost, directory, simulator } = await setRealRegistryStage();
    await run(HELM, "create", join(directory, "web"));
    await run(HELM, "package", join(directory, "web"), "--destination", directory);
    await run(HELM, "push", join(directory, "web-0.1.0.tgz"), `oci://${registryHost}/acme`, "--plain-http");
    const pulled = ["--destination", join(directory, "web"), "--plain-http"];
    await run(HELM, "pull", `oci://${registryHost}/acme/web`, "--version", "0.1.0", ...pulled);
    expect(await run("tar", "-tf", join(directory, "web/web-0.1.0.tgz"))).toContain("web/Chart.yaml");
    expect(simulator.requests()).toMatchObject({ "registry.token": 1, "registry.anonymousToken": 0 });
  });
});

const lackOfContainerd = lackAsRoot("containerd", "ctr", "script", "skopeo", "docker-registry");

describe.skipIf(lackOfContainerd !== "")(`containerd${lackOfContainerd}`, () => {
  it("pulls and pushes an image with ctr and the password that ocir-broker get prints, typed at its prompt", async () => {
    const stage = await setRealRegistryStage();
    const name = await push(stage);
    const address = await startContainerd(stage);
    const password = await stage.run(BROKER, "get", "--config", stage.config.path, "--output", "password", name);
    const options = ["--plain-http", "--user=BEARER_TOKEN"];

    const withoutPassword = stage.run("ctr", "--address", address, "images", "pull", "--plain-http", name);
    await expect(withoutPassword).rejects.toThrow(/unauthorized|denied|403|401/);
    await typePassword(stage, `ctr --address ${address} images pull ${options.join(" ")} ${name}`, password);
    expect(await stage.run("ctr", "--address", address, "images", "ls")).toContain(stage.image.digest);

    const again = `${stage.registryHost}/acme/again:1`;
    await typePassword(stage, `ctr --address ${address} images push ${options.join(" ")} ${again} ${name}`, password);
    const inspect = ["inspect", "--format={{.Digest}}", `docker://${again}`];
    expect((await stage.run("skopeo", ...inspect)).trim()).toBe(stage.image.digest);
  });
});
