import { generateKeyPairSync, type KeyObject } from "node:crypto";
import type { Secret } from "@ocir-broker/foundation/secret";
import { UpstreamError, type UpstreamRequest } from "@ocir-broker/foundation/upstream";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { describe, expect, test, vi } from "vitest";
import { CLAIMS, issuerKeys, tokenOf } from "../../test/service-account-tokens.ts";
import { createIssuerKeys } from "./issuer-keys.ts";

const forever = new AbortController().signal;

function publish(publicKey: KeyObject, kid: string) {
  return { ...publicKey.export({ format: "jwk" }), kid };
}

function setUp(keys: object[] = [publish(issuerKeys.publicKey, "one")]) {
  const clock = createFakeClock();
  const response = { status: 200, body: JSON.stringify({ keys }) };
  const send = vi.fn(async ({ url }: UpstreamRequest) => {
    if (response.status === 0) throw new UpstreamError("refused", url.host);
    const body = Buffer.from(response.body);
    return { status: response.status, headers: {}, body, sentAtMs: 0, serverDateMs: undefined };
  });
  const issuer = createIssuerKeys({ clock, send, apiServer: () => new URL("https://cluster.test:6443") });
  return { clock, response, send, isSigned: (token: Secret) => issuer.isSigned(token, forever) };
}

describe("IssuerKeys", () => {
  test.each(["ES256", "ES384", "ES512"])("supports %s", async (alg) => {
    const bits = alg.slice(2);
    const namedCurve = `P-${bits === "512" ? "521" : bits}`;
    const keys = generateKeyPairSync("ec", { namedCurve });
    const token = tokenOf(CLAIMS, { header: { alg, kid: "ec" }, key: keys.privateKey, hash: `sha${bits}` });
    expect(await setUp([publish(keys.publicKey, "ec")]).isSigned(token)).toBe(true);
  });

  test("finds a key after one that cannot be read", async () => {
    const unreadable = { kid: "old", kty: "oct" };
    expect(await setUp([unreadable, publish(issuerKeys.publicKey, "one")]).isSigned(tokenOf())).toBe(true);
  });

  const foreign = generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey;
  test.each([
    ["another key", tokenOf(CLAIMS, { key: foreign })],
    ["a key that is not published", tokenOf(CLAIMS, { header: { alg: "RS256", kid: "two" } })],
    ["no algorithm", tokenOf(CLAIMS, { header: { alg: "none", kid: "one" } })],
    ["an algorithm that JavaScript inherits", tokenOf(CLAIMS, { header: { alg: "toString", kid: "one" } })],
    ["an algorithm of another kind of key", tokenOf(CLAIMS, { header: { alg: "ES256", kid: "one" } })],
    ["no key id", tokenOf(CLAIMS, { header: { alg: "RS256" } })],
  ])("does not accept %s", async (_name, token) => {
    expect(await setUp().isSigned(token)).toBe(false);
  });

  test.each([
    ["does not respond", { status: 0 }],
    ["refuses", { status: 403 }],
    ["sends an invalid response", { body: "[]" }],
    ["publishes keys that cannot be read", { body: '{"keys":[{"kid":"one","kty":"oct"}]}' }],
  ])("accepts no token while the API server %s, and retries after 30 s", async (_name, change) => {
    const { response, clock, isSigned, send } = setUp();
    const whole = response.body;
    Object.assign(response, change);
    expect(await isSigned(tokenOf())).toBe(false);
    Object.assign(response, { status: 200, body: whole });
    await clock.advance(29_000);
    expect(await isSigned(tokenOf())).toBe(false);
    await clock.advance(1_000);
    expect(await isSigned(tokenOf())).toBe(true);
    expect(send).toHaveBeenCalledTimes(2);
  });

  test("reads the keys with another pod's token a second after the API server refused one pod's", async () => {
    const { response, clock, isSigned, send } = setUp();
    response.status = 401;
    const dead = tokenOf({ ...CLAIMS, sub: "system:serviceaccount:shop:dead" });
    expect(await isSigned(dead)).toBe(false);
    response.status = 200;
    await clock.advance(1_000);
    expect(await isSigned(tokenOf())).toBe(true);
    expect(send.mock.calls.map(([{ headers }]) => headers?.["authorization"])).toEqual([
      `Bearer ${dead.reveal()}`,
      `Bearer ${tokenOf().reveal()}`,
    ]);
    await isSigned(tokenOf(CLAIMS, { header: { alg: "RS256", kid: "invented" } }));
    await clock.advance(29_000);
    await isSigned(tokenOf(CLAIMS, { header: { alg: "RS256", kid: "invented" } }));
    expect(send).toHaveBeenCalledTimes(2);
  });

  test("forgets a key that is no longer published", async () => {
    const { response, clock, isSigned } = setUp();
    expect(await isSigned(tokenOf())).toBe(true);
    response.body = '{"keys":[]}';
    await clock.advance(600_000);
    expect(await isSigned(tokenOf())).toBe(false);
  });
});
