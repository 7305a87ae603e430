/**
 * Finds settings that the kubelet accepts but that do not do what was meant: entries that match nothing, and errors in
 * our credential provider's own settings. Judges only entries that the kubelet can read.
 */
import { isOurPlugin, MATCH_IMAGES, PLUGIN_NAME, SERVICE_ACCOUNT_PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import { type Place, quote, type Report } from "../finding.ts";
import { type ImageUrl, parseImageUrl } from "../matching/image-url.ts";
import { shareImage, shareRepository } from "../matching/overlap.ts";
import { pathMatch } from "../matching/path-match.ts";
import type { Located, Provider } from "../reading/decode.ts";
import { parseGoDurationNs } from "../reading/duration.ts";

/** One host form of OCIR: the number of labels, and which of them are fixed. */
const HOST_FORMS = MATCH_IMAGES.map((example) => ({
  example,
  labels: example.split(".").map((label) => (label === "*" ? undefined : label)),
}));

/** @param top the file's place, for reporting a missing provider */
export function lintProviders(providers: readonly Provider[], top: Place, report: Report): void {
  for (const provider of providers) {
    for (const { value, place } of provider.matchImages.value ?? []) lintMatchImage(value, place, report);
  }
  const named = (wanted: string) => providers.find(({ name }) => name.value === wanted);
  const [node, tokens] = [named(PLUGIN_NAME), named(SERVICE_ACCOUNT_PLUGIN_NAME)];
  const ours = [node, tokens].filter((provider) => provider !== undefined);
  const [first] = ours;
  if (first === undefined) report("provider-missing", top, `there is no provider ${PLUGIN_NAME}`);
  else lintHostForms(first, ours, report);
  for (const own of ours) {
    lintOurProvider(own, report);
    for (const other of providers)
      if (!isOurPlugin(other.name.value)) lintOverlap("provider-overlap", own, other, report);
  }
  if (tokens !== undefined && tokens.tokenAttributes === undefined)
    report("service-account-token-missing", tokens.place, "the kubelet sends no service-account token");
  if (node !== undefined && tokens !== undefined) lintOverlap("service-account-overlap", node, tokens, report);
}

function lintMatchImage(entry: string, place: Place, report: Report): void {
  const url = parseImageUrl(entry);
  if (url === undefined) return;
  const [beforeCut] = entry.split(/[?#]/, 1);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(entry)) {
    report("match-image-scheme", place, `${quote(entry)} has a scheme`);
    return;
  }
  if (url.labels.join("") === "") report("match-image-host-missing", place, `${quote(entry)} has no host`);
  if (beforeCut !== entry)
    report("match-image-cut", place, `only ${quote(String(beforeCut))} of ${quote(entry)} counts`);
  if (/[*[\]]/.test(url.path)) report("match-image-path-glob", place, `${quote(entry)} has a glob in its path`);
  if (/[A-Z]/.test(entry)) report("match-image-upper-case", place, `${quote(entry)} has upper-case letters`);
}

/** Our two entries may share the forms. */
function lintHostForms({ place, matchImages }: Provider, ours: readonly Provider[], report: Report): void {
  const entries = ours.flatMap((own) => readable(own.matchImages.value ?? []));
  for (const form of HOST_FORMS) {
    if (entries.some(({ url }) => isOfForm(url, form.labels))) continue;
    const at = { ...place, ...matchImages.place };
    report("host-form-missing", at, `no entry matches hosts of the form ${form.example}`);
  }
}

function lintOurProvider({ matchImages, defaultCacheDuration }: Provider, report: Report): void {
  for (const { entry, url } of readable(matchImages.value ?? [])) {
    if (url.port !== "" && HOST_FORMS.some(({ labels }) => isOfForm(url, labels)))
      report("match-image-port", entry.place, `${quote(entry.value)} has port ${url.port}`);
  }
  if (Number(parseGoDurationNs(defaultCacheDuration.value ?? "")) > 0) {
    report("cache-duration-positive", defaultCacheDuration.place, `it is ${quote(String(defaultCacheDuration.value))}`);
  }
}

function isOfForm(url: ImageUrl, labels: readonly (string | undefined)[]): boolean {
  const fits = (label: string | undefined, at: number) =>
    label === undefined || pathMatch(String(url.labels[at]), label);
  return url.labels.length === labels.length && labels.every(fits);
}

function lintOverlap(
  code: "provider-overlap" | "service-account-overlap",
  ours: Provider,
  other: Provider,
  report: Report,
): void {
  const share = code === "provider-overlap" ? shareImage : shareRepository;
  for (const { value, place } of other.matchImages.value ?? []) {
    const overlapping = ours.matchImages.value?.find((own) => share(own.value, value));
    if (overlapping === undefined) continue;
    const message = `${quote(value)} of ${quote(String(other.name.value))} also matches images of ${quote(overlapping.value)}`;
    report(code, place, message);
  }
}

function readable(entries: readonly Located<string>[]): { entry: Located<string>; url: ImageUrl }[] {
  return entries.flatMap((entry) => {
    const url = parseImageUrl(entry.value);
    return url === undefined ? [] : [{ entry, url }];
  });
}
