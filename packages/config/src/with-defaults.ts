/** Sections of defaults that replace the schema's, below what the file says. */
export type Defaults = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Adds the keys that `value` lacks; anything but a mapping of mappings stays as it is, for the schema to refuse. */
export function withDefaults(value: unknown, defaults: Defaults = {}): unknown {
  if (!isMapping(value)) return value;
  const sections = Object.entries(defaults).map(([name, keys]) => {
    const own = value[name];
    return [name, own === undefined ? keys : isMapping(own) ? { ...keys, ...own } : own];
  });
  return { ...value, ...Object.fromEntries(sections) };
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
