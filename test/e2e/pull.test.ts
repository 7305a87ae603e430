import { describe, expect, it } from "vitest";
import { answerOf, claimsOf, REGISTRY_HOSTS, setStage } from "./stage.ts";

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
});
