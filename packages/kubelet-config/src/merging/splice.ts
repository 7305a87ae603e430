/**
 * Turns the text of one tree into the text of another by changing only what differs: bytes of unchanged values, comments
 * and line ends stay. Handles block style only; otherwise the result may not decode to the wanted tree, so callers must
 * decode it and compare.
 */

import { type ListTree, type MapTree, type Source, sameTree, type Tree } from "../tree.ts";
import { renderField, renderItem, renderLines } from "./render.ts";

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

interface Child {
  readonly key?: string;
  readonly value: Tree;
}

type Collection = MapTree | ListTree;

/** `after` shares unchanged values with `before`, and the `source` of values that change inside. */
export function splice(text: string, before: Tree, after: Tree): string {
  const edits = editsOf(text, before, after).toSorted((a, b) => b.start - a.start);
  return edits.reduce(
    (edited, { start, end, text: piece }) => edited.slice(0, start) + piece + edited.slice(end),
    text,
  );
}

function editsOf(text: string, before: Tree, after: Tree): readonly Edit[] {
  if (sameTree(before, after)) return [];
  if (!isBlock(before) || !isBlock(after)) return [replacement(before, after)];
  const children = childrenOf(before);
  const wanted = childrenOf(after);
  const kept = children.map((child) => wanted.find((other) => isKept(text, child, other)));
  const edits = children.flatMap(({ value }, index) => {
    const match = kept[index];
    return match === undefined ? [removal(text, children, index)] : editsOf(text, value, match.value);
  });
  const added = wanted.filter((child) => !kept.includes(child));
  return added.length === 0 ? edits : [...edits, insertion(text, children, added)];
}

/** Whether a child stays in place. A child that can neither be changed inside nor replaced on its line is written again. */
function isKept(text: string, { key, value }: Child, other: Child): boolean {
  if (key !== other.key || value.source === undefined || value.source !== other.value.source) return false;
  if (sameTree(value, other.value) || (isBlock(value) && isBlock(other.value))) return true;
  return value.type === "string" && other.value.type === "string" && !/^$|\n/.test(textOf(text, value.source));
}

function replacement(before: Tree, after: Tree): Edit {
  const { start, end } = sourceOf({ value: before });
  return { start, end, text: renderLines(after, { indentsLists: false }).join("") };
}

function textOf(text: string, { start, end }: Source): string {
  return text.slice(start, end);
}

function removal(text: string, children: readonly Child[], index: number): Edit {
  const { marker, end } = sourceOf(children[index]);
  const lineStart = startOfLine(text, marker);
  if (text.slice(lineStart, marker).trim() === "") return { start: lineStart, end: endOfLine(text, end), text: "" };
  // The field is on the line of a list's dash: the next field takes its place.
  return { start: marker, end: sourceOf(children[index + 1]).marker, text: "" };
}

function insertion(text: string, children: readonly Child[], added: readonly Child[]): Edit {
  const first = sourceOf(children[0]).marker;
  const at = endOfLine(text, sourceOf(children.at(-1)).end);
  const indent = " ".repeat(first - startOfLine(text, first));
  const lineBreak = text.includes("\r\n") ? "\r\n" : "\n";
  const style = { indentsLists: !/^- /m.test(text) };
  const lines = added.flatMap(({ key, value }) =>
    key === undefined ? renderItem(value, style) : renderField(key, value, style),
  );
  const before = at === 0 || text[at - 1] === "\n" ? "" : lineBreak;
  return { start: at, end: at, text: before + lines.map((line) => indent + line + lineBreak).join("") };
}

function childrenOf(tree: Collection): readonly Child[] {
  return tree.type === "map" ? tree.fields : tree.items.map((value) => ({ value }));
}

function isBlock(tree: Tree): tree is Collection & { readonly source: Source } {
  return (tree.type === "map" || tree.type === "list") && tree.source?.isBlock === true;
}

/** A value without a place gives a useless result, which the caller's comparison detects. */
function sourceOf(child: Child | undefined): Source {
  return child?.value.source ?? { marker: 0, start: 0, end: 0, isBlock: false };
}

function startOfLine(text: string, at: number): number {
  return text.lastIndexOf("\n", at - 1) + 1;
}

/** The offset after the line break of the line that holds the last character before `at`. */
function endOfLine(text: string, at: number): number {
  if (text[at - 1] === "\n") return at;
  const lineBreak = text.indexOf("\n", at);
  return lineBreak === -1 ? text.length : lineBreak + 1;
}
