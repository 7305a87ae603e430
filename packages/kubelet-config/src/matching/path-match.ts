/**
 * Go's path/filepath.Match for one label of a host, limited to the syntax that can occur here: `*` and, in older kubelets,
 * classes such as `[a-z]`. The kubelet's URL parsing cuts at `?` and refuses `^` and backslash.
 */

const PIECE = /\*|\[(?:[^\]-](?:-[^\]-])?)+\]|[^*[]/gu;
const RANGE = /(?<low>[^\]-])(?:-(?<high>[^\]-]))?/gu;

/** Whether the whole label matches. A malformed pattern, an error in Go, matches nothing. Labels hold no slash. */
export function pathMatch(pattern: string, label: string): boolean {
  const pieces = pattern.match(PIECE) ?? [];
  if (pieces.join("") !== pattern) return false;
  const characters = [...label];
  // Positions in the label at which the pieces so far can end. Linear in both lengths, for any pattern.
  let reached = new Set([0]);
  for (const piece of pieces) {
    const next = new Set<number>();
    for (const at of reached) {
      if (piece === "*") for (let end = at; end <= characters.length; end++) next.add(end);
      else if (at < characters.length && accepts(piece, String(characters[at]))) next.add(at + 1);
    }
    reached = next;
  }
  return reached.has(characters.length);
}

function accepts(piece: string, character: string): boolean {
  if (!piece.startsWith("[")) return piece === character;
  const codePoint = Number(character.codePointAt(0));
  return [...piece.slice(1, -1).matchAll(RANGE)].some(([, low = "", high = low]) => {
    return Number(low.codePointAt(0)) <= codePoint && codePoint <= Number(high.codePointAt(0));
  });
}
