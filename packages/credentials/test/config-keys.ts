/** For tests: every key of the configuration; those that write the reference page and the example use this list. */
import { isLive } from "../src/config/config-changes.ts";
import { configJsonSchema } from "../src/config/schema.ts";

export interface ConfigKey {
  readonly section: string;
  readonly key: string;
  readonly description: string;
  /** Undefined if the key has no default; it then has an example. */
  readonly default: unknown;
  readonly example: unknown;
  /** True if a reload applies it; otherwise it needs a restart. */
  readonly isLive: boolean;
}

interface Described {
  readonly properties: Readonly<Record<string, Described>>;
  readonly description: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
}

export function describeConfigKeys(): ConfigKey[] {
  const { properties: sections } = configJsonSchema() as Described;
  return Object.entries(sections).flatMap(([section, { properties }]) =>
    Object.entries(properties).map(([key, { description, default: value, examples }]) => ({
      section,
      key,
      description,
      default: value,
      example: examples?.[0],
      isLive: isLive(`${section}.${key}`),
    })),
  );
}
