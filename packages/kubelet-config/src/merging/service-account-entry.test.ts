import { MATCH_IMAGES, PROVIDER_NAME, SERVICE_ACCOUNT_PROVIDER_NAME } from "@ocir-broker/protocol";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { checkCredentialProviderConfig } from "../index.ts";
import { mergeProvider, removeProvider } from "./merge.ts";
import type { ServiceAccountEntry } from "./service-account-entry.ts";

const AUDIENCE = "https://kubernetes.default.svc.cluster.local";
const LONG_FORM = "ocir.*.oci.*.*";

function merge(existing: string | undefined, change: Partial<ServiceAccountEntry> = {}, kubeletMinor = 34): string {
  const serviceAccounts = { audience: AUDIENCE, matchImages: MATCH_IMAGES, ...change };
  return mergeProvider(existing, { name: PROVIDER_NAME, kubeletMinor, serviceAccounts });
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
  test("makes one entry, if it is for all images", () => {
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

  test.each([33, 34, 37])("gives a kubelet 1.%i nothing that it refuses or ignores", (minor) => {
    const text = merge(undefined, {}, minor);
    expect(warningsOf(text, minor)).toEqual([]);
    expect(text.includes("cacheType")).toBe(minor >= 34);
  });

  test("refuses a kubelet that sends no tokens", () => {
    expect(() => merge(undefined, {}, 32)).toThrow(expect.objectContaining({ code: "service-accounts-unsupported" }));
  });

  test("passes an annotation on, and then serves pods without a service account too", () => {
    const [provider] = parse(merge(undefined, { annotation: "team/identity" })).providers;
    expect(provider.tokenAttributes).toMatchObject({
      requireServiceAccount: false,
      optionalServiceAccountAnnotationKeys: ["team/identity"],
    });
  });

  test.each([
    ["the long form", [LONG_FORM], ["*.ocir.io"]],
    ["one host of it", ["ocir.us-ashburn-1.oci.oraclecloud.com"], ["*.ocir.io"]],
    ["a repository of one host", ["iad.ocir.io/acme/shop"], [LONG_FORM]],
  ])("never lets both entries match an image: %s", (_name, matchImages, left) => {
    const text = merge(mergeProvider(undefined, { name: PROVIDER_NAME, kubeletMinor: 34 }), { matchImages });
    expect(imagesIn(text)).toEqual({ [PROVIDER_NAME]: left, [SERVICE_ACCOUNT_PROVIDER_NAME]: matchImages });
    expect(warningsOf(text)).not.toContain("service-account-overlap");
    expect(merge(text, { matchImages })).toBe(text);
    expect(mergeProvider(text, { name: PROVIDER_NAME, kubeletMinor: 34 })).toBe(text);
  });

  test("leaves the node's entry out if the other is for all images", () => {
    const node = mergeProvider(undefined, { name: PROVIDER_NAME, kubeletMinor: 34 });
    expect(imagesIn(merge(node))).toEqual({ [SERVICE_ACCOUNT_PROVIDER_NAME]: MATCH_IMAGES });
  });

  test("ignores an image of the existing entry that is no text", () => {
    const existing = `providers:
  - name: ${SERVICE_ACCOUNT_PROVIDER_NAME}
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    matchImages: [1, "*.ocir.io"]
    defaultCacheDuration: 0s
`;
    expect(() => mergeProvider(existing, { name: PROVIDER_NAME, kubeletMinor: 34 })).toThrow(
      expect.objectContaining({ code: "config-refused" }),
    );
  });

  test("is undone by removing both names", () => {
    const node = mergeProvider(undefined, { name: PROVIDER_NAME, kubeletMinor: 34 });
    const both = merge(node, { matchImages: [LONG_FORM] });
    const without = removeProvider(both, { name: SERVICE_ACCOUNT_PROVIDER_NAME }) ?? "";
    expect(mergeProvider(without, { name: PROVIDER_NAME, kubeletMinor: 34 })).toBe(node);
  });
});

test("checkCredentialProviderConfig warns of a second entry that would be a silent fallback", () => {
  const node = mergeProvider(undefined, { name: PROVIDER_NAME, kubeletMinor: 34 });
  const tokens = merge(undefined).slice(merge(undefined).indexOf("  - name"));
  expect(warningsOf(node + tokens)).toEqual(["service-account-overlap", "service-account-overlap"]);
});
