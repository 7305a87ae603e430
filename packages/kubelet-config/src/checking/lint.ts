/** Finds mistakes in our own entries that the kubelet accepts. Another provider's entries are its owner's matter. */
import { MATCH_IMAGES, PLUGIN_NAME, SERVICE_ACCOUNT_PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import { type Place, quote, type Report } from "../finding.ts";
import { parseImageUrl } from "../matching/image-url.ts";
import { labelsMeet, shareRepository } from "../matching/overlap.ts";
import type { Provider } from "../reading/decode.ts";
import { parseGoDurationNs } from "../reading/duration.ts";

/** @param top the file's place, for reporting a missing provider */
export function lintProviders(providers: readonly Provider[], top: Place, report: Report): void {
  const node = providers.find(({ name }) => name === PLUGIN_NAME);
  const tokens = providers.find(({ name }) => name === SERVICE_ACCOUNT_PLUGIN_NAME);
  const ours = [node, tokens].filter((provider) => provider !== undefined);
  if (ours.length === 0) report("provider-missing", top, `there is no provider ${PLUGIN_NAME}`);
  else lintHostForms(ours, report);
  for (const { at, defaultCacheDuration } of ours) {
    if (Number(parseGoDurationNs(defaultCacheDuration)) > 0)
      report("cache-duration-positive", at("defaultCacheDuration"), `it is ${quote(defaultCacheDuration)}`);
  }
  if (tokens === undefined) return;
  if (tokens.tokenAttributes === null)
    report("service-account-token-missing", tokens.at(), "the kubelet sends no service-account token");
  for (const [index, image] of tokens.matchImages.entries()) {
    const overlapping = node?.matchImages.find((other) => shareRepository(other, image));
    if (overlapping !== undefined)
      report(
        "service-account-overlap",
        tokens.at(`matchImages[${index}]`),
        `${PLUGIN_NAME} serves ${quote(overlapping)}`,
      );
  }
}

/** Our two entries may share the forms. An entry with a port, or with a glob in its path, matches no usual image. */
function lintHostForms(ours: readonly Provider[], report: Report): void {
  const urls = ours.flatMap(({ matchImages }) => matchImages).flatMap((image) => parseImageUrl(image) ?? []);
  const hosts = urls.filter(({ port, path }) => port === "" && !/[*[]/.test(path)).map(({ labels }) => labels);
  for (const form of MATCH_IMAGES) {
    if (hosts.some((labels) => labelsMeet(labels, form.split(".")))) continue;
    const { at } = ours[0] as Provider;
    report("host-form-missing", at("matchImages"), `no entry matches hosts of the form ${form}`);
  }
}
