/** Writes a changed CredentialProviderConfig: never a text that decodes to anything but the wanted tree. */

import { KubeletConfigError } from "../errors.ts";
import { isJson } from "../json-text.ts";
import { parseText } from "../reading/document.ts";
import { sameTree, type Tree } from "../tree.ts";
import { renderLines } from "./render.ts";
import { splice } from "./splice.ts";

export interface TreeOfText {
  readonly tree: Tree;
  readonly documents: number;
}

/** @throws {KubeletConfigError} `config-not-editable` */
export function readTree(source: string): TreeOfText {
  const parsed = parseText(source);
  if ("problem" in parsed) throw new KubeletConfigError("config-not-editable", parsed.problem);
  return parsed;
}

/**
 * Renders `after`, which was made from the tree of `source`: keeps every byte outside the change, or encodes the whole
 * file again if that is not possible.
 *
 * @throws {KubeletConfigError} `config-not-editable`
 */
export function writeTree(source: string, { tree: before, documents }: TreeOfText, after: Tree): string {
  for (const candidate of candidates(source, before, after)) {
    const parsed = parseText(candidate);
    if ("tree" in parsed && sameTree(parsed.tree, after) && parsed.documents === Math.max(1, documents))
      return candidate;
  }
  throw new KubeletConfigError("config-not-editable", "it cannot be changed without changing another part of it");
}

function* candidates(source: string, before: Tree, after: Tree): Generator<string> {
  if (isJson(source)) {
    yield renderJson(source, after);
    return;
  }
  const encoded = `${renderLines(after, { indentsLists: true }).join("\n")}\n`;
  if (source.trim() !== "") yield before.type === "null" ? `${source}\n${encoded}` : splice(source, before, after);
  yield encoded;
}

function renderJson(source: string, tree: Tree): string {
  const indent = /^\s*\{\r?\n(?<indent>[ \t]+)/.exec(source)?.groups?.["indent"];
  return JSON.stringify(jsonValue(tree), null, indent) + (source.endsWith("\n") ? "\n" : "");
}

function jsonValue(tree: Tree): unknown {
  if (tree.type === "map") return Object.fromEntries(tree.fields.map(({ key, value }) => [key, jsonValue(value)]));
  if (tree.type === "list") return tree.items.map(jsonValue);
  return tree.type === "string" ? tree.text : JSON.parse(tree.text);
}
