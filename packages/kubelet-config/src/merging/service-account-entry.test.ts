import { MATCH_IMAGES, PLUGIN_NAME, SERVICE_ACCOUNT_PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { checkCredentialProviderConfig } from "../checking/check.ts";
import { mergeProvider } from "./merge.ts";
import type { ServiceAccountEntry } from "./service-account-entry.ts";

const AUDIENCE = "https://kubernetes.default.svc.cluster.local";

function merge(existing: string | undefined, change: Partial<ServiceAccountEntry> = {}, kubeletMinor = 34): string {
  const serviceAccounts = { audience: AUDIENCE, ...change };
  return mergeProvider(existing, { kubeletMinor, serviceAccounts });
}

/** The matchImages of each provider. */
function imagesIn(text: string): Record<string, readonly string[]> {
  const { providers } = parse(text) as { providers: { name: string; matchImages: string[] }[] };
  return Object.fromEntries(providers.map(({ name, matchImages }) => [name, matchImages]));
}

function warningsOf(text: string, kubeletMinor = 34): string[] {
  const options = { kubeletMinor, hasExecutable: () => true, serviceAccountTokens: true };
  return checkCredentialProviderConfig([{ path: "p.yaml", text }], options).map(({ code }) => code);
}

describe("mergeProvider with service accounts", () => {
  test("creates a single entry when service accounts pull all images", () => {
    expect(merge(undefined)).toBe(`apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
  - name: credential-provider-oke-sa
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    matchImages:
      - "*.ocir.io"
      - "ocir.*.oci.*.*"
    defaultCacheDuration: 0s
    tokenAttributes:
      serviceAccountTokenAudience: "${AUDIENCE}"
      cacheType: ServiceAccount
      requireServiceAccount: true
`);
  });

  test.each([33, 34, 37])("writes no field that a kubelet 1.%i rejects or ignores", (minor) => {
    const text = merge(undefined, {}, minor);
    expect(warningsOf(text, minor)).toEqual([]);
    expect(text.includes("cacheType")).toBe(minor >= 34);
  });

  test("rejects a kubelet that sends no tokens", () => {
    expect(() => merge(undefined, {}, 32)).toThrow(expect.objectContaining({ code: "service-accounts-unsupported" }));
  });

  test("includes an annotation, and does not require a service account then", () => {
    const [provider] = parse(merge(undefined, { annotation: "team/identity" })).providers;
    expect(provider.tokenAttributes).toMatchObject({
      requireServiceAccount: false,
      optionalServiceAccountAnnotationKeys: ["team/identity"],
    });
  });

  test.each([
    ["a pattern of the other form of host", ["ocir.*.oci.*.*"]],
    ["another name of one registry", ["ocir.us-ashburn-1.oci.oraclecloud.com"]],
    ["one repository", ["iad.ocir.io/acme/shop"]],
    ["the default port", ["iad.ocir.io:443"]],
  ])("removes from the node's entry what the service account entry matches: %s", (_name, matchImages) => {
    const existing = merge(undefined).replace(/- "\*\.ocir.*\n.*\n/, `- "${matchImages.join("")}"\n`);
    const text = mergeProvider(existing, { kubeletMinor: 34 });
    expect(imagesIn(text)).toEqual({ [SERVICE_ACCOUNT_PLUGIN_NAME]: matchImages });
    expect(mergeProvider(text, { kubeletMinor: 34 })).toBe(text);
  });

  test("replaces an entry without tokenAttributes", () => {
    const [withoutTokens] = merge(undefined).split("    tokenAttributes:");
    expect(warningsOf(String(withoutTokens))).toEqual(["service-account-token-missing"]);
    expect(merge(withoutTokens)).toBe(merge(undefined));
  });

  test("keeps the node's entry for registries other than Oracle's", () => {
    const node = mergeProvider(undefined, { kubeletMinor: 34 });
    const text = merge(node.replace('"*.ocir.io"', "mirror.example.com:5000"));
    expect(imagesIn(text)).toEqual({
      [PLUGIN_NAME]: ["mirror.example.com:5000"],
      [SERVICE_ACCOUNT_PLUGIN_NAME]: MATCH_IMAGES,
    });
    expect(warningsOf(text)).toEqual([]);
  });

  test("omits the node's entry when service accounts pull all images", () => {
    const node = mergeProvider(undefined, { kubeletMinor: 34 });
    expect(imagesIn(merge(node))).toEqual({ [SERVICE_ACCOUNT_PLUGIN_NAME]: MATCH_IMAGES });
  });

  test("rejects an existing entry with an image that is not a string", () => {
    const existing = merge(undefined).replace('"*.ocir.io"', "1");
    expect(() => mergeProvider(existing, { kubeletMinor: 34 })).toThrow("config-refused: field-type-invalid");
  });
});
