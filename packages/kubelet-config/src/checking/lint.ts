/** Finds mistakes in our own entries that the kubelet accepts. Another provider's entries are its owner's matter. */
import { MATCH_IMAGES, PLUGIN_NAME, SERVICE_ACCOUNT_PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import { type Place, quote, type Report } from "../finding.ts";
import { parseImageUrl } from "../matching/image-url.ts";
import { labelsMeet, shareRepository } from "../matching/overlap.ts";
import type { Located, Provider } from "../reading/decode.ts";
import { parseGoDurationNs } from "../reading/duration.ts";

/** @param top the file's place, for reporting a missing provider */
export function lintProviders(providers: readonly Provider[], top: Place, report: Report): void {
  const node = providers.find(({ name }) => name.value === PLUGIN_NAME);
  const tokens = providers.find(({ name }) => name.value === SERVICE_ACCOUNT_PLUGIN_NAME);
  const ours = [node, tokens].filter((provider) => provider !== undefined);
  if (ours.length === 0) report("provider-missing", top, `there is no provider ${PLUGIN_NAME}`);
  else lintHostForms(ours, report);
  for (const { defaultCacheDuration: duration } of ours) {
    if (Number(parseGoDurationNs(duration.value ?? "")) > 0)
      report("cache-duration-positive", duration.place, `it is ${quote(String(duration.value))}`);
  }
  if (tokens === undefined) return;
  if (tokens.tokenAttributes === undefined)
    report("service-account-token-missing", tokens.place, "the kubelet sends no service-account token");
  for (const { value, place } of imagesOf(tokens)) {
    const overlapping = imagesOf(node).find((own) => shareRepository(own.value, value));
    if (overlapping !== undefined)
      report("service-account-overlap", place, `${PLUGIN_NAME} serves ${quote(overlapping.value)}`);
  }
}

/** Our two entries may share the forms. An entry with a port, or with a glob in its path, matches no usual image. */
function lintHostForms(ours: readonly Provider[], report: Report): void {
  const urls = ours.flatMap(imagesOf).flatMap(({ value }) => parseImageUrl(value) ?? []);
  const hosts = urls.filter(({ port, path }) => port === "" && !/[*[]/.test(path)).map(({ labels }) => labels);
  for (const form of MATCH_IMAGES) {
    if (hosts.some((labels) => labelsMeet(labels, form.split(".")))) continue;
    const { place = { file: "", path: "" } } = ours[0]?.matchImages ?? {};
    report("host-form-missing", place, `no entry matches hosts of the form ${form}`);
  }
}

function imagesOf(provider: Provider | undefined): readonly Located<string>[] {
  return provider?.matchImages.value ?? [];
}
