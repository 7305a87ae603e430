/**
 * Helm pushes and pulls with docker-credential-ocir and a daemon. Other clients pull so in documentation.test.ts (the commands of
 * docs/docker-credential-helper.md), and push in keyless-clients.test.ts.
 */
import { join } from "node:path";
import { expect, it } from "vitest";
import { lackAsRoot, setRealRegistryStage } from "../real-registry.ts";
import { buildHelm, HELM, lackOfHelm } from "./helm/helm-program.ts";

const lack = lackAsRoot("docker-registry") || lackOfHelm;

it.skipIf(lack !== "")(`helm pushes a chart and pulls it, with one token${lack}`, async () => {
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
