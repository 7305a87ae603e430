/**
 * Go's path/filepath.Match for one label of a host, limited to the syntax that can occur here: `*` and, in older kubelets,
 * classes such as `[a-z]`. The kubelet's URL parsing cuts at `?` and refuses `^` and backslash.
 */

/** Sticky: the first malformed piece is the last that is tried. */
const PIECE = /\*|\[(?:[^\]-](?:-[^\]-])?)+\]|[^*[]/guy;
const RANGE = /(?<low>[^\]-])(?:-(?<high>[^\]-]))?/gu;

/** `*`, or the code points that one character may have. */
type Piece = "*" | readonly (readonly [low: number, high: number])[];

/** Whether the whole label matches. A malformed pattern, an error in Go, matches nothing. Labels hold no slash. */
export function pathMatch(pattern: string, label: string): boolean {
  const pieces = piecesOf(pattern);
  return pieces !== undefined && doMeet(pieces, [...label].map(onlyCharacter));
}

/** Whether some label matches both patterns. */
export function patternsMeet(a: string, b: string): boolean {
  const [ofA, ofB] = [piecesOf(a), piecesOf(b)];
  return ofA !== undefined && ofB !== undefined && doMeet(ofA, ofB);
}

/** Linear in the product of both lengths, for any patterns. */
function doMeet(a: readonly Piece[], b: readonly Piece[]): boolean {
  // Pairs of positions that one text can reach in both, as `at a * (b.length + 1) + at b`.
  const width = b.length + 1;
  const reached = new Set([0]);
  for (const pair of reached) {
    const [atA, atB] = [Math.floor(pair / width), pair % width];
    const [pieceA, pieceB] = [a[atA], b[atB]];
    if (pieceA === "*") reached.add(pair + width);
    if (pieceB === "*") reached.add(pair + 1);
    if (pieceA === undefined || pieceB === undefined) continue;
    if (pieceA === "*" && pieceB !== "*") reached.add(pair + 1);
    if (pieceB === "*" && pieceA !== "*") reached.add(pair + width);
    if (pieceA !== "*" && pieceB !== "*" && shareCharacter(pieceA, pieceB)) reached.add(pair + width + 1);
  }
  return reached.has(a.length * width + b.length);
}

function shareCharacter(a: Exclude<Piece, "*">, b: Exclude<Piece, "*">): boolean {
  return a.some(([lowA, highA]) => b.some(([lowB, highB]) => Math.max(lowA, lowB) <= Math.min(highA, highB)));
}

/** @returns undefined for a malformed pattern */
function piecesOf(pattern: string): readonly Piece[] | undefined {
  const pieces = pattern.match(PIECE) ?? [];
  if (pieces.join("") !== pattern) return undefined;
  return pieces.map((piece): Piece => {
    if (piece === "*") return "*";
    if (!piece.startsWith("[")) return onlyCharacter(piece);
    return [...piece.slice(1, -1).matchAll(RANGE)].map(([, low = "", high = low]) => [codeOf(low), codeOf(high)]);
  });
}

function onlyCharacter(character: string): Exclude<Piece, "*"> {
  return [[codeOf(character), codeOf(character)]];
}

function codeOf(character: string): number {
  return Number(character.codePointAt(0));
}
