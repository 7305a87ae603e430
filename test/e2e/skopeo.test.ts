import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { lackOf, type RealRegistryStage, setRealRegistryStage } from "../real-registry.ts";

const lack = lackOf("skopeo", "docker-registry");

const digestOf = async ({ run }: RealRegistryStage, name: string, ...options: string[]): Promise<string> =>
  (await run("skopeo", "inspect", "--format={{.Digest}}", ...options, `docker://${name}`)).trim();

describe.skipIf(lack !== "")(`skopeo and docker-registry${lack}`, () => {
  it("push and pull with the credentials of docker-credential-ocir, and without any if the registry is not ours", async () => {
    const stage = await setRealRegistryStage();
    const { simulator, directory, foreignHost, image } = stage;
    const pulled = join(directory, "pulled");
    const source = `docker://${await stage.push("acme/public:1")}`;
    await stage.run("skopeo", "--insecure-policy", "copy", source, `oci:${pulled}:latest`);
    const { manifests } = JSON.parse(readFileSync(join(pulled, "index.json"), "utf8"));
    expect(manifests).toMatchObject([{ digest: image.digest }]);
    const before = simulator.requests();
    expect(before).toMatchObject({ "registry.token": 1, "auth.x509": 1, "registry.anonymousToken": 0 });
    simulator.iam({ repository: "acme/public", public: true });
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
