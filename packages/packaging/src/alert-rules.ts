/** The alerts of a release: those of the checkout, with links to the release's documentation. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { folderUrl } from "./folder-url.ts";
import type { ChartName } from "./formats/helm-chart.ts";
import { CHECKOUT } from "./release.ts";

/** Placeholder in the checkout's rules; the domain is reserved (RFC 2606). */
const PLACEHOLDER = "https://ocir-broker.invalid";
const EXPECTED = "OCIR_BROKER_DOCS_URL must be the http(s) address of the folder that has docs in it";

/** @throws {Error} if OCIR_BROKER_DOCS_URL is set but is not the URL of a folder of pages. */
export function alertRules(environment: NodeJS.ProcessEnv, name: ChartName): string {
  const rules = readFileSync(join(CHECKOUT, `monitoring/${name}.rules.yaml`), "utf8");
  const given = environment["OCIR_BROKER_DOCS_URL"];
  return given ? rules.replaceAll(PLACEHOLDER, folderUrl(given, EXPECTED)) : rules;
}
