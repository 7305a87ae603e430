/** Validates the values of one provider that the kubelet checks at its start. */
import { API_VERSIONS } from "@ocir-broker/protocol/contract";
import { quote, type Report } from "../finding.ts";
import { parseImageUrl } from "../matching/image-url.ts";
import type { Provider } from "../reading/decode.ts";
import { parseGoDurationNs } from "../reading/duration.ts";
import { type TokenRules, validateTokenAttributes } from "./token-attributes.ts";

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

function validateName({ name }: Provider, { hasExecutable }: ProviderRules, report: Report): void {
  if (name.value === undefined) return;
  if (name.value === "") report("provider-name-invalid", name.place, "the provider has no name");
  else if (/[/ ]|^\.\.?$/.test(name.value)) {
    report(
      "provider-name-invalid",
      name.place,
      `${quote(name.value)} is not the name of a program in the bin directory`,
    );
  } else if (!hasExecutable(name.value)) {
    report("provider-executable-missing", name.place, `no executable ${quote(name.value)} in the bin directory`);
  }
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
