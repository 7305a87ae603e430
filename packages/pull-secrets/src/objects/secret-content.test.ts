import { Secret } from "@ocir-broker/foundation/secret";
import { describe, expect, it } from "vitest";
import { readSecret, type SecretContent, secretManifest } from "./secret-content.ts";

const TOKEN = { token: new Secret("t1"), fetchedAtMs: 1_000, expiresAtMs: 3_601_000, renewAtMs: 1_801_000 };
const CONTENT: SecretContent = {
  subject: "ocir-pull/uid-1",
  ownerUid: "uid-2",
  tokens: new Map([["iad.ocir.io", TOKEN]]),
  formats: [],
};
const FORMATTED: SecretContent = { ...CONTENT, formats: ["ArgoCD", "CDI"] };
// biome-ignore lint/suspicious/noExplicitAny: any object of Kubernetes
const manifest = (content = CONTENT): any => secretManifest({ namespace: "shop", name: "ocir-pull" }, content);

describe("readSecret", () => {
  it.each([[CONTENT], [FORMATTED]])("returns what secretManifest has written", (content) => {
    const known = readSecret(manifest(content));
    expect(known).toEqual({ kind: "ours", content });
    if (known.kind === "ours") expect(known.content.tokens.get("iad.ocir.io")?.token.reveal()).toBe("t1");
  });

  it("finds no token, and no subject, in data that a person has changed", () => {
    const changed = manifest();
    changed.data[".dockerconfigjson"] = Buffer.from('{"auths":{"x.ocir.io":{"password":"p"}}}').toString("base64");
    expect(readSecret(changed)).toMatchObject({ kind: "ours", content: { subject: "?", tokens: new Map() } });
  });

  it("returns as many tokens as secretManifest writes, which is undefined if the API server would refuse their size", () => {
    const tokens = (bytes: number) => {
      const token = { ...TOKEN, token: new Secret("t".repeat(bytes)) };
      return new Map(Array.from({ length: 16 }, (_, index) => [`${index}.ocir.io`.padStart(253, "x"), token]));
    };
    const content = { ...CONTENT, tokens: tokens(27_000) };
    expect(readSecret(manifest(content))).toEqual({ kind: "ours", content });
    expect(manifest({ ...CONTENT, tokens: tokens(28_000) })).toBeUndefined();
  });

  it("finds no subject if a format has lost its label, lacks a key, or has another token", () => {
    const changes: ((secret: ReturnType<typeof manifest>) => void)[] = [
      ({ metadata }) => delete metadata.labels["argocd.argoproj.io/secret-type"],
      ({ data }) => delete data.url,
      ({ data }) => Object.assign(data, { secretKey: Buffer.from("t0").toString("base64") }),
    ];
    for (const change of changes) {
      const secret = manifest(FORMATTED);
      change(secret);
      expect(readSecret(secret)).toMatchObject({ kind: "ours", content: { subject: "?" } });
    }
  });

  it.each([
    ["a Secret without metadata", { metadata: null }, "it cannot be read"],
    ["another type", { type: "any\ntext" }, "its type is not kubernetes.io/dockerconfigjson"],
    ["an immutable Secret", { immutable: true }, "it is immutable"],
    ["no label", { metadata: { labels: {} } }, "it lacks the label app.kubernetes.io/managed-by=ocir-broker"],
  ])("returns foreign for %s", (_what, fields, why) => {
    expect(readSecret({ ...manifest(), ...fields })).toEqual({ kind: "foreign", why });
  });

  it("returns foreign only if another manager has the data, not a label", () => {
    const managedBy = (fields: object) => {
      const secret = manifest();
      secret.metadata.managedFields = [{ manager: "kubectl", fieldsV1: fields }];
      return readSecret(secret);
    };
    expect(managedBy({ "f:data": {} })).toEqual({ kind: "foreign", why: "its manager is kubectl" });
    expect(managedBy({ "f:metadata": {} }).kind).toBe("ours");
  });
});

it("secretManifest adds the label and the keys that Argo CD and CDI read", () => {
  const { metadata, data } = manifest(FORMATTED);
  const texts = Object.fromEntries(Object.entries(data).map(([key, value]) => [key, atob(String(value))]));
  expect(metadata.labels).toMatchObject({ "argocd.argoproj.io/secret-type": "repo-creds" });
  expect(texts).toMatchObject({ url: "iad.ocir.io/", username: "BEARER_TOKEN", password: "t1" });
  expect(texts).toMatchObject({ accessKeyId: "BEARER_TOKEN", secretKey: "t1" });
});

it("secretManifest writes exactly the empty configuration without tokens, which the chart's policy compares", () => {
  const { data } = manifest({ ...CONTENT, tokens: new Map() });
  expect(atob(data[".dockerconfigjson"])).toBe('{"auths":{}}');
});
