import { describe, expect, it } from "vitest";
import { checkCredentialProviderAnswer } from "./answer.ts";

const ANSWER = {
  kind: "CredentialProviderResponse",
  apiVersion: "credentialprovider.kubelet.k8s.io/v1",
  cacheKeyType: "Registry",
  cacheDuration: "0s",
  auth: { "iad.ocir.io": { username: "BEARER_TOKEN", password: "made up" } },
};

describe("checkCredentialProviderAnswer", () => {
  it.each([
    ["with credentials", {}],
    ["with none", { auth: {} }],
    ["with auth null", { auth: null }],
    ["without auth and duration", { auth: undefined, cacheDuration: undefined }],
  ])("takes an answer %s", (_title, change) => {
    expect(checkCredentialProviderAnswer(JSON.stringify({ ...ANSWER, ...change }))).toBeUndefined();
  });

  it.each([
    ["kind", { kind: "CredentialProviderRequest" }],
    ["apiVersion", { apiVersion: "credentialprovider.kubelet.k8s.io/v1beta1" }],
    ["cacheKeyType", { cacheKeyType: "registry" }],
    ["cacheDuration", { cacheDuration: 0 }],
    ["does not know", { serviceAccountTokenCacheType: "Token" }],
    ["auth is no object", { auth: [] }],
    ["entry of auth", { auth: { "iad.ocir.io": null } }],
    ["entry of auth", { auth: { "iad.ocir.io": { username: "", password: "", email: "" } } }],
    ["entry of auth", { auth: { "iad.ocir.io": { username: "" } } }],
  ])("names what is wrong, never a value: %s", (said, change) => {
    const problem = checkCredentialProviderAnswer(JSON.stringify({ ...ANSWER, ...change }));
    expect(problem).toContain(said);
    expect(problem).not.toContain("made up");
  });

  it.each(["", "null", "[]", "ok", `${JSON.stringify(ANSWER)}{}`])("refuses %j", (text) => {
    expect(checkCredentialProviderAnswer(text)).toBe("it is no JSON object");
  });
});
