/** Suggests a known key for an unknown one ("did you mean …?"). Pure. */

/** The keys of each section. */
export type KnownKeys = Readonly<Record<string, readonly string[]>>;

/** Best first: only the case differs, one typing error, two. More edits make another word. */
const ALLOWED_EDITS = [0, 1, 2];

/**
 * @param path the unknown key: `["logs"]`, or `["log", "levle"]` in an existing section.
 * @returns the path of a similar key in the same section, otherwise of a key with exactly this name in any section.
 */
export function similarKey(path: readonly string[], known: KnownKeys): string | undefined {
  const all = [
    ...Object.keys(known),
    ...Object.entries(known).flatMap(([name, keys]) => keys.map((key) => `${name}.${key}`)),
  ];
  const wanted = path.join(".");
  const neighbours = all
    .filter((each) => parentOf(each) === parentOf(wanted))
    .map((each) => ({ each, edits: editsBetween(wanted.toLowerCase(), each.toLowerCase()) }));
  const [best] = ALLOWED_EDITS.flatMap((allowed) =>
    neighbours.filter(({ each, edits }) => edits === allowed && edits <= nameIn(each).length / 2),
  );
  return best?.each ?? all.find((each) => each.endsWith(`.${nameIn(wanted)}`));
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf(".")));
}

function nameIn(path: string): string {
  return path.slice(path.lastIndexOf(".") + 1);
}

/** The Levenshtein distance. */
function editsBetween(from: string, to: string): number {
  let before = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let row = 1; row <= from.length; row += 1) {
    const edits = [row];
    for (let at = 1; at <= to.length; at += 1) {
      const replaced = Number(before[at - 1]) + (from[row - 1] === to[at - 1] ? 0 : 1);
      edits.push(Math.min(replaced, Number(before[at]) + 1, Number(edits[at - 1]) + 1));
    }
    before = edits;
  }
  return Number(before.at(-1));
}
