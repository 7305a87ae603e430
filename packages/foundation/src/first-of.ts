/** Cuts a list for people. Pods can name any number of registry hosts. */

const SHOWN = 5;

/** Such as `a, b, c, d, e (5 of 257)`. */
export function firstOf(names: readonly string[], separator = ", "): string {
  const shown = names.slice(0, SHOWN).join(separator);
  return names.length > SHOWN ? `${shown} (${SHOWN} of ${names.length})` : shown;
}
