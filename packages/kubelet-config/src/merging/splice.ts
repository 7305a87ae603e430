/**
 * Changes one item of a list in its text. Every byte outside the item stays, except a comma. The result may not decode to the
 * wanted list, so callers must decode it and compare.
 */
import { isJson } from "../reading/document.ts";
import type { ListTree, Range, Tree } from "../tree.ts";
import { renderInBrackets, renderItem } from "./render.ts";

export function replaceItem(text: string, list: ListTree, index: number, item: Tree): string {
  const { start, end } = rangeOf(list, index);
  return text.slice(0, start) + render(text, list, start, item) + text.slice(end);
}

/** @param list is not empty */
export function appendItem(text: string, list: ListTree, item: Tree): string {
  const { start, end } = rangeOf(list, list.items.length - 1);
  const rendered = render(text, list, start, item);
  const indent = indentOf(text, start);
  if (!list.isBlock) {
    const gap = isOnOwnLine(text, start) ? lineBreakOf(text) + indent : " ";
    return `${text.slice(0, end)},${gap}${rendered}${text.slice(end)}`;
  }
  const at = endOfLine(text, end);
  const line = indent + rendered;
  // Without a line break at its end, the text gets none.
  return text[at - 1] === "\n"
    ? text.slice(0, at) + line + lineBreakOf(text) + text.slice(at)
    : text + lineBreakOf(text) + line;
}

export function removeItem(text: string, list: ListTree, index: number): string {
  const { start, end } = rangeOf(list, index);
  if (list.isBlock) {
    const [before, after] = [text.slice(0, startOfLine(text, start)), text.slice(endOfLine(text, end))];
    return after === "" && !text.endsWith("\n") ? before.replace(/\r?\n$/, "") : before + after;
  }
  const previous = index === 0 ? undefined : rangeOf(list, index - 1).end;
  return previous === undefined
    ? text.slice(0, start) + withoutComma(text.slice(end, rangeOf(list, 1).start)) + text.slice(rangeOf(list, 1).start)
    : text.slice(0, previous) + withoutComma(text.slice(previous, start)) + text.slice(end);
}

/** Keeps the comments between two items in brackets. */
function withoutComma(gap: string): string {
  return gap.includes("#") ? gap.replace(/^(?<before>(?:[ \r\n]|#.*[\r\n])*),/, "$<before>") : "";
}

function render(text: string, list: ListTree, start: number, item: Tree): string {
  const lines = list.isBlock
    ? renderItem(item, { indentsLists: !/^- /m.test(text) })
    : renderInBrackets(item, { isJson: isJson(text), indent: isOnOwnLine(text, start) ? unitOf(text) : "" });
  return lines.join(lineBreakOf(text) + indentOf(text, start));
}

/** The indentation of one level, as the first field of a JSON text has it. */
function unitOf(text: string): string {
  const [, indent = "  "] = /^\s*\{\r?\n([ \t]+)/.exec(text) ?? [];
  return indent;
}

function isOnOwnLine(text: string, at: number): boolean {
  return text.slice(startOfLine(text, at), at).trim() === "";
}

function indentOf(text: string, at: number): string {
  return text.slice(startOfLine(text, at), at).replace(/[^ \t].*$/s, "");
}

function lineBreakOf(text: string): string {
  return text.includes("\r\n") ? "\r\n" : "\n";
}

function rangeOf({ ranges }: ListTree, index: number): Range {
  return ranges[index] as Range;
}

function startOfLine(text: string, at: number): number {
  return text.lastIndexOf("\n", at - 1) + 1;
}

/** The offset after the line break of this line. */
function endOfLine(text: string, at: number): number {
  const lineBreak = text.indexOf("\n", at);
  return lineBreak === -1 ? text.length : lineBreak + 1;
}
