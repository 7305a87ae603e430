import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { callCredentialProvider } from "@ocir-broker/testkit";
import { describe, expect, it } from "vitest";
import { spawnTimes } from "../bench/spawn-times.ts";
import { SHIM } from "../daemon.ts";
import { answerOf, claimsOf, REGISTRY_HOSTS, setStage } from "./stage.ts";

const DOWN = (["metadata.*", "auth.*", "registry.*"] as const).map((endpoint) => ({ endpoint, status: 503 }));

describe("a pull, end to end", () => {
  it("gets the token of its own registry host first and an anonymous try second", async () => {
    const { call, simulator } = await setStage();
    for (const [index, registryHost] of REGISTRY_HOSTS.entries()) {
      const { auth } = answerOf(await call(`${registryHost}/acme/shop/web`));
      const wildcard = registryHost.replace(/^[^.]+/, "*");
      expect(Object.keys(auth)).toEqual([registryHost, wildcard]);
      expect(auth[wildcard]).toEqual({ username: "", password: "" });
      expect(auth[registryHost]?.username).toBe("BEARER_TOKEN");
      expect(claimsOf(auth[registryHost]?.password as string).aud).toBe(simulator.registryUrls[index]?.host);
    }
  });

  it("gets an empty answer for a registry that is not Oracle's, without any upstream request for it", async () => {
    const { call, simulator } = await setStage();
    answerOf(await call("icn.ocir.io/acme/shop/web"));
    const before = simulator.requests()["registry.token"];
    for (const image of ["registry.k8s.io/pause", "icn.ocir.io.evil.example/a", "icn.ocir.io:8443/a"]) {
      expect(answerOf(await call(image)).auth).toEqual({});
    }
    expect(simulator.requests()["registry.token"]).toBe(before);
  });

  it.each(["v1", "v1beta1", "v1alpha1"])("is answered in %s when asked in it", async (version) => {
    const { config } = await setStage();
    const apiVersion = `credentialprovider.kubelet.k8s.io/${version}`;
    const result = await callCredentialProvider({
      path: SHIM,
      env: { OCIR_BROKER_SOCKET: config.credentialsSocket },
      stdin: `${JSON.stringify({ kind: "CredentialProviderRequest", apiVersion, image: "icn.ocir.io/a/b" })}\n`,
    });
    expect(answerOf(result).apiVersion).toBe(apiVersion);
  });

  it("costs one token call a host and one bootstrap, when 200 pulls of 3 hosts find a cold daemon", async () => {
    const { call, simulator } = await setStage({ simulator: { latencyMs: 300 } });
    const images = Array.from({ length: 200 }, (_, index) => `${REGISTRY_HOSTS[index % 3]}/acme/app-${index}`);
    const answers = await Promise.all(images.map(async (image) => answerOf(await call(image))));
    for (const [index, { auth }] of answers.entries()) {
      expect(auth[REGISTRY_HOSTS[index % 3] as string]?.password).toMatch(/^ey/);
    }
    const counts = simulator.requests();
    const metadata = Object.entries(counts).filter(([name]) => name.startsWith("metadata."));
    expect(counts["registry.token"]).toBe(3);
    expect(counts["auth.x509"]).toBe(1);
    expect(metadata.reduce((sum, [, count]) => sum + count, 0)).toBeLessThanOrEqual(5);
  });

  it("costs nothing upstream when warm, 1 000 times", async () => {
    const { call, simulator, config } = await setStage();
    const image = "icn.ocir.io/acme/shop/web";
    answerOf(await call(image));
    await expect.poll(() => simulator.requests()["registry.manifest"]).toBe(1); // the first-seen probe
    const before = simulator.requests();
    const requestPath = join(dirname(config.path), "request.json");
    const apiVersion = "credentialprovider.kubelet.k8s.io/v1";
    writeFileSync(requestPath, `${JSON.stringify({ kind: "CredentialProviderRequest", apiVersion, image })}\n`);
    const { shim } = spawnTimes(250, 4, requestPath, { shim: { socket: config.credentialsSocket, program: SHIM } });
    expect(shim.runs).toBe(1_000);
    expect(simulator.requests()).toEqual(before);
  });

  it("is answered until the token's end while every upstream is down, then refused clearly, then heals", async () => {
    const { call, simulator } = await setStage({
      simulator: { tokenLifeMs: 6_000 },
      daemon: { deadline: "1s" },
    });
    const image = "icn.ocir.io/acme/shop/web";
    const token = answerOf(await call(image)).auth["icn.ocir.io"]?.password as string;
    simulator.faults(...DOWN);
    // JWT expiries and Date headers are truncated to seconds; the margin is 5 % of the life.
    const endsMs = claimsOf(token).exp * 1_000;
    let askedAtMs = Date.now();
    let result = await call(image);
    while (result.exitCode === 0) {
      expect(answerOf(result).auth["icn.ocir.io"]?.password).toBe(token);
      expect(askedAtMs).toBeLessThan(endsMs + 1_000);
      askedAtMs = Date.now();
      result = await call(image);
    }
    expect(Date.now()).toBeGreaterThan(endsMs - 1_000 - 0.05 * 6_000);
    expect(result).toMatchObject({ exitCode: 1, stdout: Buffer.alloc(0) });
    expect(result.stderr).toMatch(/^ocir-broker: [a-z-]+: [ -~]+\n$/);
    simulator.clearFaults();
    await expect.poll(async () => (await call(image)).exitCode, { timeout: 60_000 }).toBe(0);
  });
});
