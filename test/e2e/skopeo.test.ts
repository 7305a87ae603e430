import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { lackOf, type RealRegistryStage, setRealRegistryStage } from "../real-registry.ts";

const lack = lackOf("skopeo", "docker-registry");

const digestOf = async ({ run }: RealRegistryStage, name: string, ...options: string[]): Promise<string> =>
  (await run("skopeo", "inspect", "--format={{.Digest}}", ...options, `docker://${name}`)).trim();

describe.skipIf(lack !== "")(`skopeo and docker-registry${lack}`, () => {
  it("push an image and pull it with the credentials of docker-credential-ocir", async () => {
    const stage = await setRealRegistryStage();
    const { run, image, directory, simulator } = stage;
    const name = await stage.push("acme/shop/web:1");
    const pulled = join(directory, "pulled");
    await run("skopeo", "--insecure-policy", "copy", `docker://${name}`, `oci:${pulled}:latest`);
    const { manifests } = JSON.parse(readFileSync(join(pulled, "index.json"), "utf8"));
    expect(manifests).toMatchObject([{ digest: image.digest }]);
    expect(simulator.requests()).toMatchObject({ "registry.token": 1, "auth.x509": 1, "registry.anonymousToken": 0 });
  });

  it("continue without credentials when the registry is not ours", async () => {
    const stage = await setRealRegistryStage();
    const { simulator, foreignHost, image } = stage;
    await stage.push("acme/public:1");
    simulator.iam({ repository: "acme/public", public: true });
    const before = simulator.requests();
    expect(await digestOf(stage, `${foreignHost}/acme/public:1`)).toBe(image.digest);
    const after = simulator.requests();
    expect(after["registry.anonymousToken"]).toBeGreaterThan(before["registry.anonymousToken"]);
    expect(after["registry.basicToken"]).toBe(before["registry.basicToken"]);
  });

  it("print the broker's error line when it has no token", async () => {
    const stage = await setRealRegistryStage({ deadline: "1s" });
    stage.simulator.faults({ endpoint: "auth.x509", status: 401 });
    await expect(digestOf(stage, `${stage.registryHost}/acme/app:1`)).rejects.toThrow(
      /out: `ocir-broker: [a-z-]+: [ -~]+; [ -~]+`/,
    );
  });
});
