/** Suggests a known key for an unknown one ("did you mean …?"). Pure. */

/** The keys of each section. */
export type KnownKeys = Readonly<Record<string, readonly string[]>>;

const SAME_LETTERS = 3;

/**
 * @param path the unknown key: `["logs"]`, or `["log", "levle"]` in an existing section.
 * @returns for a key in a section, the first key there that begins alike or contains it; for a section, the first one, or the key of
 * exactly this name in any section.
 */
export function similarKey(path: readonly string[], known: KnownKeys): string | undefined {
  const name = String(path.at(-1));
  const [section, ...below] = path as [string, ...string[]];
  const neighbours = below.length > 0 ? (known[section] as readonly string[]) : Object.keys(known);
  const near =
    neighbours.find((key) => isAlike(key, name, "startsWith")) ??
    neighbours.find((key) => isAlike(key, name, "includes"));
  if (near !== undefined) return [...path.slice(0, -1), near].join(".");
  if (below.length > 0) return undefined;
  const home = Object.entries(known).find(([, keys]) => keys.includes(name))?.[0];
  return home && `${home}.${name}`;
}

/** `no_proxy` is like `noProxy`, `hosts` like `extraHosts`. */
function isAlike(key: string, name: string, how: "startsWith" | "includes"): boolean {
  const [known, letters] = [key, name].map((word) => word.replace(/[^A-Za-z]/g, "").toLowerCase()) as [string, string];
  if (letters.length < SAME_LETTERS) return false;
  return how === "startsWith" ? known.startsWith(letters.slice(0, SAME_LETTERS)) : known.includes(letters);
}
