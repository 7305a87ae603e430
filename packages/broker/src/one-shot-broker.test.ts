import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSystemClock } from "@ocir-broker/foundation";
import { type Simulator, startSimulator } from "@ocir-broker/oci-simulator";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkConfig } from "./config/load.ts";
import { createOneShotBroker, type OneShotBroker } from "./one-shot-broker.ts";

const HOST = "icn.ocir.io";

let simulator: Simulator;
let broker: OneShotBroker;
let folder: string;

beforeEach(async () => {
  simulator = await startSimulator();
  folder = mkdtempSync(join(tmpdir(), "one-shot-"));
});

afterEach(async () => {
  await broker.close();
  await simulator.close();
  rmSync(folder, { recursive: true });
});

function start(limitMs = 10_000, sections: object = {}, environment: Readonly<Record<string, string>> = {}): void {
  const { origin } = simulator.clusterUrl;
  const caFile = join(folder, "ca.crt");
  writeFileSync(caFile, simulator.clusterCaCertificate);
  const text = JSON.stringify({
    registries: { endpoints: { [HOST]: simulator.registryUrl.href } },
    serviceAccounts: { exchange: "oke", apiServer: origin, endpoint: origin, caFile },
    ...sections,
  });
  const checked = checkConfig(text, {
    OCI_METADATA_BASE_URL: simulator.metadataUrl.href,
    OCI_SDK_AUTH_CLIENT_REGION_URL: simulator.authUrl.href,
  });
  if ("faults" in checked) throw new Error(checked.faults.join("\n"));
  const clock = createSystemClock();
  broker = createOneShotBroker({ config: checked.config, environment, clock, random: () => 0.5, limitMs });
}

function requestFor(image: string, more: object = {}): Buffer {
  const apiVersion = "credentialprovider.kubelet.k8s.io/v1";
  return Buffer.from(JSON.stringify({ kind: "CredentialProviderRequest", apiVersion, image, ...more }));
}

describe("createOneShotBroker", () => {
  it("answers all who ask at once with one token, and asks for nothing else", async () => {
    start();
    const images = Array.from({ length: 20 }, (_, index) => `${HOST}/acme/app-${index}`);
    const answers = await Promise.all(images.map((image) => broker.answer(requestFor(image))));
    expect(new Set(answers.map(({ status, body }) => `${status} ${body}`)).size).toBe(1);
    expect(JSON.parse(String(answers[0]?.body)).auth[HOST].password).toMatch(/^ey/);
    const asked = Object.entries(simulator.requests()).filter(([, count]) => count > 0);
    expect(Object.fromEntries(asked)).toEqual({
      "metadata.cert": 1,
      "metadata.key": 1,
      "metadata.intermediate": 1,
      "auth.x509": 1,
      "registry.token": 1,
    });
  });

  it("exchanges a pod's token as the daemon does, and fails closed", async () => {
    start();
    const serviceAccountToken = await simulator.serviceAccountToken({ namespace: "shop", serviceAccount: "puller" });
    const ask = () => broker.answer(requestFor(`${HOST}/acme/app`, { serviceAccountToken }));
    expect(await ask()).toMatchObject({ status: 200, identity: "service-account" });
    simulator.clusterType("basic");
    const other = await simulator.serviceAccountToken({ namespace: "shop", serviceAccount: "other" });
    const failed = await broker.answer(requestFor(`${HOST}/acme/app`, { serviceAccountToken: other }));
    expect(String(failed.body)).toMatch(/^ocir-broker: workload-cluster-basic: /);
    expect(simulator.requests()["auth.x509"]).toBe(0);
  });

  it("waits no longer than it is told to", async () => {
    start(300);
    simulator.faults({ endpoint: "registry.token", hang: "before-headers" });
    expect(await broker.answer(requestFor(`${HOST}/acme/app`))).toMatchObject({ status: 504, outcome: "error" });
  });

  it("probes no repository, and waits for none to be let in", async () => {
    start();
    simulator.iam({ granted: false, repository: "acme/app" });
    for (let call = 0; call < 2; call += 1) {
      expect(await broker.answer(requestFor(`${HOST}/acme/app`))).toMatchObject({ status: 200 });
    }
    expect(simulator.requests()["registry.manifest"]).toBe(0);
  });

  it.each([
    ["no unit", () => ({})],
    ["the kubelet's unit, which passes another secret", () => ({ CREDENTIALS_DIRECTORY: folder })],
  ])("says that only the daemon has a secret that systemd passes, as a process of %s", async (_, environment) => {
    const sections = {
      serviceAccounts: { exchange: "identity-domain", caFile: join(folder, "ca.crt") },
      identityDomain: { url: "https://domain.test", authorization: "client", clientId: "app" },
    };
    start(10_000, sections, environment());
    const serviceAccountToken = await simulator.serviceAccountToken({ namespace: "shop", serviceAccount: "puller" });
    const { body } = await broker.answer(requestFor(`${HOST}/acme/app`, { serviceAccountToken }));
    expect(String(body)).toMatch(/^ocir-broker: domain-secret-without-daemon: .*; start ocir-broker\.service, or /);
  });
});
