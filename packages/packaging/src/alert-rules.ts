/** The alerts of a release: those of the checkout, with links to the release's documentation. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ChartName } from "./formats/helm-chart.ts";
import { CHECKOUT, pagesUrl, type Release } from "./release.ts";

/** Placeholder in the checkout's rules; the domain is reserved (RFC 2606). */
const PLACEHOLDER = "https://ocir-broker.invalid";

export function alertRules(release: Release, name: ChartName): string {
  const rules = readFileSync(join(CHECKOUT, `monitoring/${name}.rules.yaml`), "utf8");
  return rules.replaceAll(PLACEHOLDER, pagesUrl(release));
}
