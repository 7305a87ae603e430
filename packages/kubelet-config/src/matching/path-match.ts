/**
 * Go's path/filepath.Match for one label of a host. A character class such as `[a-z]`, which kubelets refuse since 1.34, counts as
 * `*` here. The kubelet's URL parsing cuts at `?` and refuses `^` and backslash.
 */
const GLOB = /\*|\[[^\]]*\]?/;

/** Whether the whole label matches. */
export function pathMatch(pattern: string, label: string): boolean {
  const [first = "", ...rest] = pattern.split(GLOB);
  const last = rest.pop();
  if (last === undefined) return label === pattern;
  if (!label.startsWith(first)) return false;
  // The first place of each piece leaves the most for the next one.
  let at = first.length;
  for (const piece of rest) {
    const found = label.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return label.endsWith(last) && label.length - last.length >= at;
}

/** Whether some label may match both patterns; two globs always may. */
export function mayMeet(a: string, b: string): boolean {
  return (GLOB.test(a) && GLOB.test(b)) || pathMatch(a, b) || pathMatch(b, a);
}
