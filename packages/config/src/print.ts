/** Prints the effective configuration as YAML (`ocir-broker config print`), passwords withheld. */
import { stringify } from "yaml";
import type { Config } from "./schema.ts";

export function printConfig(config: Config): string {
  return stringify(config, (_key, value: unknown) => (typeof value === "string" ? redactPasswords(value) : value));
}

/** Withholds what is before the last `@` of a value, such as `user:password`, for error messages and the printed configuration. */
export function redactPasswords(value: string): string {
  return value.replace(/^("?(?:[a-z]+:\/\/)?).*@/s, "$1[withheld]@");
}
