/** Every key of the configuration as a list for people: the reference page, the man page and the example are generated from it. */
import { isLive } from "./diff.ts";
import { configJsonSchema } from "./schema.ts";

export interface ConfigKey {
  readonly section: string;
  readonly key: string;
  readonly description: string;
  /** Undefined if the key has no default; then there is an example. */
  readonly default: unknown;
  readonly example: unknown;
  /** Whether a reload brings it into force; else it takes a restart. */
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
