/** The alerts of a release: those of the checkout, with links to the release's documentation. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CHECKOUT } from "./release.ts";

/** Placeholder in the checkout's rules; the domain is reserved (RFC 2606). */
const PLACEHOLDER = "https://ocir-broker.invalid";

/** @throws {Error} if OCIR_BROKER_DOCS_URL is set but is not the URL of a folder of pages. */
export function alertRules(environment: NodeJS.ProcessEnv): string {
  const rules = readFileSync(join(CHECKOUT, "monitoring/ocir-broker.rules.yaml"), "utf8");
  const given = environment["OCIR_BROKER_DOCS_URL"];
  return given ? rules.replaceAll(PLACEHOLDER, baseUrl(given)) : rules;
}

/** Valid unquoted in YAML and before `/docs/…`. */
function baseUrl(given: string): string {
  const url = URL.parse(given);
  const isPlain = url !== null && /^https?:$/.test(url.protocol) && url.search === "" && url.hash === "";
  if (!isPlain || url.username !== "" || url.password !== "") {
    throw new Error(`OCIR_BROKER_DOCS_URL must be the http(s) address of the folder that has docs in it: ${given}`);
  }
  return url.href.replace(/\/+$/, "");
}
