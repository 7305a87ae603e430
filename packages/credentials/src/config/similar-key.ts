/** Suggests a known key for an unknown one ("did you mean …?"). Pure. */

/** The keys of each section. */
export type KnownKeys = Readonly<Record<string, readonly string[]>>;

const SAME_LETTERS = 3;

/**
 * @param path the unknown key: `["logs"]`, or `["log", "levle"]` in an existing section.
 * @returns the first key of the same section that begins alike, otherwise a key with exactly this name in any section.
 */
export function similarKey(path: readonly string[], known: KnownKeys): string | undefined {
  const name = String(path.at(-1));
  const begin = name.slice(0, SAME_LETTERS).toLowerCase();
  const neighbours = known[String(path[0])] ?? Object.keys(known);
  const near = neighbours.find((key) => begin.length === SAME_LETTERS && key.toLowerCase().startsWith(begin));
  if (near !== undefined) return [...path.slice(0, -1), near].join(".");
  const section = Object.entries(known).find(([, keys]) => keys.includes(name))?.[0];
  return section && `${section}.${name}`;
}
