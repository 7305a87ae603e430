/**
 * Reads the text of a configuration file: JSON, or a subset of YAML in which this reader and the kubelet's cannot disagree. Any
 * other text is not understood, although a kubelet may read it. docs/kubelet-rules.md describes the subset.
 */
import { type Document, LineCounter, parseAllDocuments } from "yaml";
import { NOTHING, type Tree } from "../tree.ts";
import { readTree } from "./subset.ts";

export interface Problem {
  readonly problem: string;
  readonly line?: number;
}

export type ParsedText = { readonly tree: Tree } | Problem;

/** Returns the text of a file; for bytes that are not UTF-8, a text that is not understood. */
export function decodeConfigText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { ignoreBOM: true, fatal: true }).decode(bytes);
  } catch {
    return "\0";
  }
}

/** The kubelet reads a text as JSON if the first character that is not white space is `{`. */
export function isJson(text: string): boolean {
  return /^\s*\{/.test(text);
}

/** Tabs, controls, line breaks of YAML 1.1 that are none elsewhere, the byte order mark, and what Unicode has not assigned. */
const UNREADABLE = /\r(?!\n)|[^\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/u;
const FIRST_MARK = /^(?<comments>(?: *(?:#.*)?\r?\n)*)---(?= *\r?\n)/;
const LAST_MARK = /(?<=\n)\.\.\.(?=[ \r\n]*$)/;
const OTHER_MARK = /^(?:%|---|\.\.\.)/m;
/** A configuration has five levels. */
const MAX_DEPTH = 50;

export function parseText(text: string): ParsedText {
  if (isJson(text)) return parseJson(text);
  // Each character keeps its offset.
  const unmarked = text.replace(FIRST_MARK, "$<comments>   ").replace(LAST_MARK, "   ");
  return (
    problemAt(text, UNREADABLE, "it has a tab or another character that is not read here") ??
    problemAt(unmarked, OTHER_MARK, "it has a directive, or more than one document") ??
    parse(unmarked, true)
  );
}

function parseJson(text: string): ParsedText {
  try {
    JSON.parse(text);
  } catch {
    return { problem: "it begins with { and is not valid JSON" };
  }
  // To the YAML library this would be a character like any other.
  return problemAt(text, /\r(?!\n)/, "it has a carriage return alone") ?? parse(text, false);
}

function problemAt(text: string, pattern: RegExp, problem: string): Problem | undefined {
  const at = text.search(pattern);
  return at === -1 ? undefined : { problem, line: text.slice(0, at).split("\n").length };
}

function parse(text: string, isStrict: boolean): ParsedText {
  if (isDeep(text)) return { problem: "its values are nested too deeply" };
  const lines = new LineCounter();
  const [document] = parseAllDocuments(text, {
    schema: "failsafe",
    version: "1.1",
    uniqueKeys: false,
    prettyErrors: false,
    keepSourceTokens: true,
    lineCounter: lines,
  }) as Document.Parsed[];
  if (document === undefined) return { tree: NOTHING };
  const [error] = document.errors;
  // The library's message is not used: it quotes the text, which may hold a secret.
  if (error !== undefined) return { problem: "it is not valid YAML", line: lines.linePos(error.pos[0]).line };
  return readTree(document, text, lines, isStrict);
}

/** The library calls itself for each level of a value. */
function isDeep(text: string): boolean {
  let depth = 0;
  let deepest = 0;
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    depth += bracket === "[" || bracket === "{" ? 1 : -1;
    deepest = Math.max(deepest, depth);
  }
  return deepest > MAX_DEPTH || /^[ -]{200}/m.test(text);
}
