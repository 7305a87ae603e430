/** Renders a tree as YAML that all readers agree on: block style, and double quotes with ASCII escapes if in doubt. */

import { isPlainText } from "../plain-text.ts";
import type { Tree } from "../tree.ts";

export interface Style {
  /** Whether a list is indented further than the field that it belongs to. */
  readonly indentsLists: boolean;
}

/** Renders lines without line breaks and base indentation, to be placed after `- ` or below a key. */
export function renderLines(tree: Tree, style: Style): readonly string[] {
  if (tree.type === "map" && tree.fields.length > 0) {
    return tree.fields.flatMap(({ key, value }) => renderField(key, value, style));
  }
  if (tree.type === "list" && tree.items.length > 0) return tree.items.flatMap((item) => renderItem(item, style));
  return [renderSingleLine(tree)];
}

export function renderField(key: string, value: Tree, style: Style): readonly string[] {
  const name = renderText(key);
  const lines = renderLines(value, style);
  if (value.type === "map" && value.fields.length > 0) return [`${name}:`, ...indented(lines)];
  if (value.type === "list" && value.items.length > 0) {
    return [`${name}:`, ...(style.indentsLists ? indented(lines) : lines)];
  }
  return [`${name}: ${lines.join("")}`];
}

export function renderItem(item: Tree, style: Style): readonly string[] {
  return renderLines(item, style).map((line, index) => (index === 0 ? `- ${line}` : `  ${line}`));
}

function renderSingleLine(tree: Tree): string {
  if (tree.type === "map") return "{}";
  if (tree.type === "list") return "[]";
  if (tree.type === "string") return renderText(tree.text);
  return tree.type === "null" ? "null" : tree.text;
}

function renderText(text: string): string {
  return isPlainText(text) ? text : quoted(text);
}

function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(/[^\x20-\x7e]/gu, (character) => {
    const codePoint = Number(character.codePointAt(0));
    return `\\U${codePoint.toString(16).padStart(8, "0")}`;
  });
}

function indented(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}
