/**
 * Go's path/filepath.Match for one label of a host: `*`, `?`, `[a-z]`, `[^a]` and backslash escapes. Of these only `*`
 * and, in older kubelets, classes ever arrive here: the kubelet's URL parsing cuts at `?` and refuses `^` and backslash.
 */

type Piece = { readonly any: true } | { readonly any: false; readonly accepts: (character: string) => boolean };

/** Whether the whole label fits. A malformed pattern, an error in Go, fits nothing. Labels hold no slash. */
export function pathMatch(pattern: string, label: string): boolean {
  const pieces = parsePattern([...pattern]);
  if (pieces === undefined) return false;
  const characters = [...label];
  // The positions in the label that the pieces so far can end at: linear in both, whatever the pattern.
  let reached = new Set([0]);
  for (const piece of pieces) {
    const next = new Set<number>();
    for (const at of reached) {
      if (piece.any) for (let end = at; end <= characters.length; end++) next.add(end);
      else if (at < characters.length && piece.accepts(String(characters[at]))) next.add(at + 1);
    }
    reached = next;
  }
  return reached.has(characters.length);
}

function parsePattern(pattern: readonly string[]): Piece[] | undefined {
  const pieces: Piece[] = [];
  let at = 0;
  while (at < pattern.length) {
    const character = String(pattern[at]);
    if (character === "*") {
      pieces.push({ any: true });
      at += 1;
    } else if (character === "?") {
      pieces.push({ any: false, accepts: () => true });
      at += 1;
    } else if (character === "[") {
      const parsed = parseClass(pattern, at + 1);
      if (parsed === undefined) return undefined;
      pieces.push({ any: false, accepts: parsed.accepts });
      at = parsed.end;
    } else {
      const literal = character === "\\" ? pattern[at + 1] : character;
      if (literal === undefined) return undefined;
      pieces.push({ any: false, accepts: (other) => other === literal });
      at += character === "\\" ? 2 : 1;
    }
  }
  return pieces;
}

/** From behind the `[`. At least one range; `]` and `-` need an escape as a bound. */
function parseClass(pattern: readonly string[], start: number) {
  const negated = pattern[start] === "^";
  const ranges: { low: number; high: number }[] = [];
  let at = negated ? start + 1 : start;
  while (pattern[at] !== "]" || ranges.length === 0) {
    const low = readBound(pattern, at);
    if (low === undefined) return undefined;
    at = low.end;
    let high = low;
    if (pattern[at] === "-") {
      const bound = readBound(pattern, at + 1);
      if (bound === undefined) return undefined;
      high = bound;
      at = bound.end;
    }
    ranges.push({ low: low.codePoint, high: high.codePoint });
  }
  const accepts = (character: string): boolean => {
    const codePoint = Number(character.codePointAt(0));
    return ranges.some(({ low, high }) => low <= codePoint && codePoint <= high) !== negated;
  };
  return { accepts, end: at + 1 };
}

function readBound(pattern: readonly string[], at: number) {
  const escaped = pattern[at] === "\\";
  const character = pattern[escaped ? at + 1 : at];
  if (character === undefined || (!escaped && (character === "]" || character === "-"))) return undefined;
  return { codePoint: Number(character.codePointAt(0)), end: at + (escaped ? 2 : 1) };
}
