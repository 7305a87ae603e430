/** Validates the values of one provider that the kubelet checks at its start. */
import { API_VERSION, API_VERSIONS } from "@ocir-broker/protocol/contract";
import { type Place, quote, type Report } from "../finding.ts";
import { parseImageUrl } from "../matching/image-url.ts";
import type { Provider, TokenAttributes } from "../reading/decode.ts";
import { parseGoDurationNs } from "../reading/duration.ts";

export interface ProviderRules {
  readonly kubeletMinor: number;
  readonly hasExecutable: (name: string) => boolean;
  /** Whether the gate KubeletServiceAccountTokenForCredentialProviders is on. */
  readonly serviceAccountTokens: boolean;
}

export function validateProvider(provider: Provider, rules: ProviderRules, report: Report): void {
  const { at, apiVersion, tokenAttributes } = provider;
  validateName(provider, rules, report);
  if (!API_VERSIONS.some((known) => known === apiVersion))
    report("provider-api-version-invalid", at("apiVersion"), `the provider's apiVersion is ${quote(apiVersion)}`);
  validateMatchImages(provider, report);
  validateDuration(provider, report);
  if (tokenAttributes !== null) validateTokenAttributes(tokenAttributes, provider, rules, report);
}

function validateName({ at, name }: Provider, { hasExecutable }: ProviderRules, report: Report): void {
  if (name === "") report("provider-name-invalid", at("name"), "the provider has no name");
  else if (/[/ ]|^\.\.?$/.test(name))
    report("provider-name-invalid", at("name"), `${quote(name)} is not the name of a program in the bin directory`);
  else if (!hasExecutable(name))
    report("provider-executable-missing", at("name"), `no executable ${quote(name)} in the bin directory`);
}

function validateMatchImages({ at, matchImages }: Provider, report: Report): void {
  if (matchImages.length === 0) report("match-images-missing", at("matchImages"), "the provider has no matchImages");
  for (const [index, entry] of matchImages.entries()) {
    const url = parseImageUrl(entry);
    const place = at(`matchImages[${index}]`);
    if (url === undefined) report("match-image-invalid", place, `the kubelet cannot read ${quote(entry)}`);
    else if (url.refusedByNewerGo) {
      report("match-image-brackets", place, `${quote(entry)} has a character class or a second colon in its host`);
    }
  }
}

function validateDuration({ at, defaultCacheDuration: duration }: Provider, report: Report): void {
  const place = at("defaultCacheDuration");
  if (duration === "") {
    report("cache-duration-missing", place, "the provider has no defaultCacheDuration");
    return;
  }
  const durationNs = parseGoDurationNs(duration);
  if (durationNs === undefined) report("cache-duration-invalid", place, `${quote(duration)} is not a valid duration`);
  else if (durationNs < 0) report("cache-duration-negative", place, `${quote(duration)} is negative`);
}

const CACHE_TYPES = ["Token", "ServiceAccount"];
const QUALIFIED_NAME = /^(?=.{1,63}$)[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/;
const DNS_SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;

function validateTokenAttributes(
  attributes: TokenAttributes,
  { at, apiVersion }: Provider,
  { serviceAccountTokens, kubeletMinor }: ProviderRules,
  report: Report,
): void {
  const place = (field: string) => at(`tokenAttributes.${field}`);
  const { serviceAccountTokenAudience, cacheType, requireServiceAccount } = attributes;
  const required = attributes.requiredServiceAccountAnnotationKeys;
  const optional = attributes.optionalServiceAccountAnnotationKeys;
  if (!serviceAccountTokens) {
    report("token-attributes-disabled", at("tokenAttributes"), "the kubelet's feature gate is off");
  }
  if (apiVersion !== API_VERSION) {
    const message = `the provider's apiVersion is ${quote(apiVersion)}`;
    report("token-attributes-api-version", at("tokenAttributes"), message);
  }
  if (serviceAccountTokenAudience === "") {
    report("token-audience-missing", place("serviceAccountTokenAudience"), "there is no audience");
  }
  if (requireServiceAccount === null) {
    report("token-require-service-account-missing", place("requireServiceAccount"), "it is neither true nor false");
  }
  if (requireServiceAccount === false && required.length > 0) {
    report("token-annotation-keys-forbidden", place("requireServiceAccount"), "requireServiceAccount is false");
  }
  if (kubeletMinor >= 34 && !CACHE_TYPES.includes(cacheType)) {
    report("token-cache-type-invalid", place("cacheType"), `cacheType is ${quote(cacheType)}`);
  }
  validateKeys(required, (index) => place(`requiredServiceAccountAnnotationKeys[${index}]`), report);
  validateKeys(optional, (index) => place(`optionalServiceAccountAnnotationKeys[${index}]`), report);
  const both = optional.find((key) => required.includes(key));
  if (both !== undefined) {
    report("token-annotation-key-duplicate", at("tokenAttributes"), `${quote(both)} is both required and optional`);
  }
}

function validateKeys(keys: readonly string[], at: (index: number) => Place, report: Report): void {
  for (const [index, key] of keys.entries()) {
    if (!isQualifiedName(key.toLowerCase())) {
      report("token-annotation-key-invalid", at(index), `${quote(key)} is not a valid annotation key`);
    }
    if (keys.indexOf(key) < index) report("token-annotation-key-duplicate", at(index), `${quote(key)} is given twice`);
  }
}

function isQualifiedName(key: string): boolean {
  const [name, prefix, ...more] = key.split("/").toReversed();
  return more.length === 0 && QUALIFIED_NAME.test(String(name)) && (prefix === undefined || DNS_SUBDOMAIN.test(prefix));
}
