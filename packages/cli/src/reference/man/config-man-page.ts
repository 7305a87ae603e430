/** The man page of the configuration file, generated from the schema. Pure. */
import type { ConfigKey } from "@ocir-broker/credentials/config/keys";
import { CONFIG_PAGE, FILES } from "./man-text.ts";
import { type Item, roff, section, verbatim } from "./roff.ts";

const EXAMPLE = `# Behind a proxy, with another region's registry kept warm.
registries:
  prefetch: [icn.ocir.io, fra.ocir.io]
proxy:
  https: http://proxy.example:3128
  noProxy: .ocir.io`;

const ERRORS = `An invalid file does not stop the daemon: a start uses the valid part and defaults for the rest, and a reload
ignores the file. ocir-broker config check names each error with its line; it never shows the value of an unknown key, which may be a
secret.`;

export function renderConfigPage(keys: readonly ConfigKey[]): string {
  return [
    `.TH ${roff(CONFIG_PAGE.name.toUpperCase())} ${CONFIG_PAGE.section} "" "" "ocir-broker"`,
    ".SH NAME",
    `${roff(CONFIG_PAGE.name)} \\- configuration of ocir\\-broker`,
    ".SH SYNOPSIS",
    ".I /etc/ocir\\-broker/config.yaml",
    ".SH DESCRIPTION",
    "YAML: a mapping of sections, each a mapping of keys. The file, each section and each key are optional.",
    "A duration is a whole number with its unit: 500ms, 15s, 2m.",
    ".PP",
    roff(ERRORS.replaceAll("\n", " ")),
    ...section("KEYS", keys.map(itemOf)),
    ".SH EXAMPLES",
    ...verbatim(EXAMPLE),
    ...section("FILES", FILES),
    ".SH SEE ALSO",
    ".BR ocir\\-broker (1) ,",
    ".BR ocir\\-broker\\-config (1)",
    "",
  ].join("\n");
}

function itemOf({ section: name, key, description, default: value, isLive }: ConfigKey): Item {
  const fallback = value === undefined ? "" : ` Default: ${JSON.stringify(value)}.`;
  const force = isLive ? "A reload applies a change." : "A change needs a restart.";
  return [`${name}.${key}`, `${description}${fallback} ${force}`];
}
