import { describe, expect, it } from "vitest";
import { decodeCredentialProviderResponse } from "./response.ts";

const V1BETA1 = "credentialprovider.kubelet.k8s.io/v1beta1";
const CREDENTIALS = { username: "BEARER_TOKEN", password: "made up" };
const RESPONSE = {
  kind: "CredentialProviderResponse",
  apiVersion: "credentialprovider.kubelet.k8s.io/v1",
  cacheKeyType: "Registry",
  cacheDuration: "0s",
  auth: { "iad.ocir.io": CREDENTIALS },
};

describe("decodeCredentialProviderResponse", () => {
  it.each([
    ["with credentials", {}, { "iad.ocir.io": CREDENTIALS }],
    ["with none", { auth: {} }, {}],
    ["with auth null", { auth: null }, {}],
    ["without auth and duration", { auth: undefined, cacheDuration: undefined }, {}],
    ["with a duration null", { cacheDuration: null }, { "iad.ocir.io": CREDENTIALS }],
    ["with a negative duration", { cacheDuration: "-1s" }, { "iad.ocir.io": CREDENTIALS }],
    ["with an entry null", { auth: { host: null } }, { host: { username: "", password: "" } }],
    ["with a username null", { auth: { host: { username: null } } }, { host: { username: "", password: "" } }],
    ["without a password", { auth: { host: { username: "x" } } }, { host: { username: "x", password: "" } }],
  ])("accepts a response %s", (_title, change, auth) => {
    const decoded = decodeCredentialProviderResponse(JSON.stringify({ ...RESPONSE, ...change }));
    expect(decoded).toEqual({ auth: new Map(Object.entries(auth)) });
  });

  it("accepts the apiVersion in the configuration", () => {
    const response = { ...RESPONSE, apiVersion: V1BETA1 };
    expect(decodeCredentialProviderResponse(JSON.stringify(response), V1BETA1)).toHaveProperty("auth");
  });

  it.each([
    ["kind", { kind: "CredentialProviderRequest" }],
    ["kind", { kind: null }],
    ["apiVersion", { apiVersion: V1BETA1 }],
    ["cacheKeyType", { cacheKeyType: "registry" }],
    ["cacheDuration", { cacheDuration: 0 }],
    ["cacheDuration", { cacheDuration: "" }],
    ["cacheDuration", { cacheDuration: "1d" }],
    ["does not know", { serviceAccountTokenCacheType: "Token" }],
    ["auth is not an object", { auth: [] }],
    ["entry of auth", { auth: { "iad.ocir.io": "made up" } }],
    ["entry of auth", { auth: { "iad.ocir.io": { username: 1, password: "" } } }],
    ["entry of auth", { auth: { "iad.ocir.io": { username: "", password: [] } } }],
    ["entry of auth", { auth: { "iad.ocir.io": { username: "", password: "", email: "" } } }],
  ])("names the invalid field, never its value: %s", (said, change) => {
    const decoded = decodeCredentialProviderResponse(JSON.stringify({ ...RESPONSE, ...change }));
    expect(decoded).toEqual({ problem: expect.stringContaining(said) });
    expect(JSON.stringify(decoded)).not.toContain("made up");
  });

  it.each([
    ["a field", '{"kind":"x",', "or one twice"],
    ["a key of auth", '{"auth":{"a":null,"a":null},', "or one twice"],
  ])("rejects %s that is given twice", (_title, start, said) => {
    const { auth: _auth, ...others } = RESPONSE;
    const text = start + JSON.stringify(others).slice(1);
    expect(decodeCredentialProviderResponse(text)).toEqual({ problem: expect.stringContaining(said) });
  });

  it("rejects a number that exceeds float64, which YAML would read as text", () => {
    const text = JSON.stringify(RESPONSE).replace('"BEARER_TOKEN"', "1e400");
    expect(decodeCredentialProviderResponse(text)).toEqual({
      problem: expect.stringContaining("a username and a password"),
    });
  });

  it.each(["", "null", "[]", "ok", "kind: x", `${JSON.stringify(RESPONSE)}{}`])("rejects %j", (text) => {
    expect(decodeCredentialProviderResponse(text)).toEqual({ problem: "it is not a JSON object" });
  });
});
