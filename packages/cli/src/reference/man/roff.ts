/** Pieces of a man page in man(7)'s macros. Pure. */

export type Item = readonly [term: string, text: string];

export function section(title: string, items: readonly Item[]): string[] {
  return items.length === 0 ? [] : [`.SH ${title}`, ...items.flatMap(([term, text]) => item(term, text))];
}

export function item(term: string, text: string): string[] {
  return [".TP", `.B ${roff(term)}`, roff(text)];
}

/** Prints lines verbatim, for configuration and output. */
export function verbatim(text: string): string[] {
  return [".nf", ...text.trimEnd().split("\n").map(roff), ".fi"];
}

export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? "" : "."}`;
}

/** Escapes hyphens, and lines that begin like a macro. */
export function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^(?=[.'])/, "\\&");
}
