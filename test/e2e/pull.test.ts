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
});
