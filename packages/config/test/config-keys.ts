/** For tests: every key of the configuration; those that write the reference page and the example use this list. */
import { LIVE_KEYS } from "../src/config-changes.ts";
import { configJsonSchema } from "../src/schema.ts";

export type ConfigKey = ReturnType<typeof describeConfigKeys>[number];

interface Described {
  readonly properties: Readonly<Record<string, Described>>;
  readonly description: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
}

export function describeConfigKeys() {
  const { properties: sections } = configJsonSchema() as Described;
  return Object.entries(sections).flatMap(([section, { properties }]) =>
    Object.entries(properties).map(([key, { description, default: value, examples }]) => ({
      section,
      key,
      description,
      /** Undefined if the key has no default; it then has an example. */
      default: value,
      example: examples?.[0],
      /** True if a reload applies it; otherwise it needs a restart. */
      isLive: LIVE_KEYS.has(`${section}.${key}`),
    })),
  );
}
