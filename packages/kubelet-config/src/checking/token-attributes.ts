/** The rules for tokenAttributes (KEP-4412), by which a provider gets a service-account token. */
import { API_VERSION } from "@ocir-broker/protocol/contract";
import { type Place, quote, type Report } from "../finding.ts";
import type { Located, TokenAttributes } from "../reading/decode.ts";

export interface TokenRules {
  readonly kubeletMinor: number;
  /** Whether the gate KubeletServiceAccountTokenForCredentialProviders is on. */
  readonly serviceAccountTokens: boolean;
}

const CACHE_TYPES: readonly (string | undefined)[] = ["Token", "ServiceAccount", undefined];
const QUALIFIED_NAME = /^(?=.{1,63}$)[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/;
const DNS_SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;

export function validateTokenAttributes(
  attributes: TokenAttributes,
  apiVersion: string | undefined,
  rules: TokenRules,
  report: Report,
): void {
  const { place, audience, cacheType, requireServiceAccount, requiredKeys, optionalKeys } = attributes;
  if (!rules.serviceAccountTokens) {
    report("token-attributes-disabled", place, "the kubelet's feature gate is off");
  }
  if (apiVersion !== undefined && apiVersion !== API_VERSION) {
    report("token-attributes-api-version", place, `the provider's apiVersion is ${quote(apiVersion)}`);
  }
  if (audience.value === "") report("token-audience-missing", audience.place, "there is no audience");
  if (requireServiceAccount.value === null) {
    report("token-require-service-account-missing", requireServiceAccount.place, "it is neither true nor false");
  }
  if (requireServiceAccount.value === false && requiredKeys.length > 0) {
    report("token-annotation-keys-forbidden", requireServiceAccount.place, "requireServiceAccount is false");
  }
  if (rules.kubeletMinor >= 34 && !CACHE_TYPES.includes(cacheType.value)) {
    report("token-cache-type-invalid", cacheType.place, `cacheType is ${quote(String(cacheType.value))}`);
  }
  validateKeys(requiredKeys, optionalKeys, place, report);
}

function validateKeys(
  required: readonly Located<string>[],
  optional: readonly Located<string>[],
  attributes: Place,
  report: Report,
): void {
  for (const keys of [required, optional]) {
    const seen = new Set<string>();
    for (const { value, place } of keys) {
      if (!isQualifiedName(value.toLowerCase())) {
        report("token-annotation-key-invalid", place, `${quote(value)} is not a valid annotation key`);
      }
      if (seen.has(value)) report("token-annotation-key-duplicate", place, `${quote(value)} is given twice`);
      seen.add(value);
    }
  }
  const requiredNames = new Set(required.map(({ value }) => value));
  const both = optional.find(({ value }) => requiredNames.has(value));
  if (both !== undefined) {
    report("token-annotation-key-duplicate", attributes, `${quote(both.value)} is both required and optional`);
  }
}

function isQualifiedName(key: string): boolean {
  const [name, prefix, ...more] = key.split("/").toReversed();
  return more.length === 0 && QUALIFIED_NAME.test(String(name)) && (prefix === undefined || DNS_SUBDOMAIN.test(prefix));
}
