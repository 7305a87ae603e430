/** Renders a tree as YAML that all readers agree on, or as JSON: double quotes if in doubt, and ASCII escapes in YAML. */

import { isPlainText } from "../plain-text.ts";
import type { Tree } from "../tree.ts";

export interface Style {
  /** Whether a list is indented further than the field that it belongs to. */
  readonly indentsLists: boolean;
}

/** Renders lines without line breaks and base indentation, to be placed after `- ` or below a key. */
export function renderLines(tree: Tree, style: Style): readonly string[] {
  if (tree.type === "map") return tree.fields.flatMap(({ key, value }) => renderField(key, value, style));
  if (tree.type === "list") return tree.items.flatMap((item) => renderItem(item, style));
  return [tree.type === "string" ? renderText(tree.text) : tree.text];
}

function renderField(key: string, value: Tree, style: Style): readonly string[] {
  const lines = renderLines(value, style);
  if (value.type === "map") return [`${key}:`, ...indented(lines)];
  if (value.type === "list") return [`${key}:`, ...(style.indentsLists ? indented(lines) : lines)];
  return [`${key}: ${lines.join("")}`];
}

export function renderItem(item: Tree, style: Style): readonly string[] {
  return renderLines(item, style).map((line, index) => (index === 0 ? `- ${line}` : `  ${line}`));
}

/** @param style.indent empty for a single line */
export function renderInBrackets(tree: Tree, style: { isJson: boolean; indent: string }): readonly string[] {
  const json = JSON.stringify(jsonValue(tree), null, style.indent || " ");
  const lines = (style.isJson ? json : escaped(json)).split("\n");
  return style.indent === "" ? [lines.map((line) => line.trim()).join(" ")] : lines;
}

function jsonValue(tree: Tree): unknown {
  if (tree.type === "map") return Object.fromEntries(tree.fields.map(({ key, value }) => [key, jsonValue(value)]));
  if (tree.type === "list") return tree.items.map(jsonValue);
  return tree.type === "string" ? tree.text : JSON.parse(tree.text);
}

/** Renders a text on one line, in quotes unless every reader takes it for a text. */
function renderText(text: string): string {
  return isPlainText(text) ? text : escaped(JSON.stringify(text));
}

function escaped(json: string): string {
  return json.replaceAll(/[^\n\x20-\x7e]/gu, (character) => {
    const codePoint = Number(character.codePointAt(0));
    return `\\U${codePoint.toString(16).padStart(8, "0")}`;
  });
}

function indented(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}
