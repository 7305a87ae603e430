/** Prints the effective configuration as YAML (`ocir-broker config print`), passwords withheld. */
import { stringify } from "yaml";
import { redactPasswords } from "./redact.ts";
import type { Config } from "./schema.ts";

export function printConfig(config: Config): string {
  return stringify(config, (_key, value: unknown) => (typeof value === "string" ? redactPasswords(value) : value));
}
