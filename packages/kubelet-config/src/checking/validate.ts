/** Validates the values of one provider that the kubelet checks at its start. */
import { API_VERSION, API_VERSIONS } from "@ocir-broker/protocol/contract";
import { type Place, quote, type Report } from "../finding.ts";
import { parseImageUrl } from "../matching/image-url.ts";
import type { Located, Provider, TokenAttributes } from "../reading/decode.ts";
import { parseGoDurationNs } from "../reading/duration.ts";

export interface ProviderRules extends TokenRules {
  readonly hasExecutable: (name: string) => boolean;
}

export function validateProvider(provider: Provider, rules: ProviderRules, report: Report): void {
  validateName(provider, rules, report);
  const { apiVersion, matchImages, tokenAttributes } = provider;
  if (apiVersion.value !== undefined && !API_VERSIONS.some((known) => known === apiVersion.value)) {
    report("provider-api-version-invalid", apiVersion.place, `the provider's apiVersion is ${quote(apiVersion.value)}`);
  }
  if (matchImages.value?.length === 0) {
    report("match-images-missing", matchImages.place, "the provider has no matchImages");
  }
  for (const { value, place } of matchImages.value ?? []) {
    const url = parseImageUrl(value);
    if (url === undefined) report("match-image-invalid", place, `the kubelet cannot read ${quote(value)}`);
    else if (url.refusedByNewerGo) {
      report("match-image-brackets", place, `${quote(value)} has a character class or a second colon in its host`);
    }
  }
  validateDuration(provider, report);
  if (tokenAttributes !== undefined) validateTokenAttributes(tokenAttributes, apiVersion.value, rules, report);
}

function validateName({ name: { value, place } }: Provider, { hasExecutable }: ProviderRules, report: Report): void {
  if (value === undefined) return;
  if (value === "") report("provider-name-invalid", place, "the provider has no name");
  else if (/[/ ]|^\.\.?$/.test(value))
    report("provider-name-invalid", place, `${quote(value)} is not the name of a program in the bin directory`);
  else if (!hasExecutable(value))
    report("provider-executable-missing", place, `no executable ${quote(value)} in the bin directory`);
}

function validateDuration({ defaultCacheDuration: { value, place } }: Provider, report: Report): void {
  if (value === undefined) return;
  if (value === null) {
    report("cache-duration-missing", place, "the provider has no defaultCacheDuration");
    return;
  }
  const durationNs = parseGoDurationNs(value);
  if (durationNs === undefined) report("cache-duration-invalid", place, `${quote(value)} is not a valid duration`);
  else if (durationNs < 0) report("cache-duration-negative", place, `${quote(value)} is negative`);
}

interface TokenRules {
  readonly kubeletMinor: number;
  /** Whether the gate KubeletServiceAccountTokenForCredentialProviders is on. */
  readonly serviceAccountTokens: boolean;
}

const CACHE_TYPES: readonly (string | undefined)[] = ["Token", "ServiceAccount", undefined];
const QUALIFIED_NAME = /^(?=.{1,63}$)[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/;
const DNS_SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;

function validateTokenAttributes(
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
