/**
 * Reads the text of a configuration file: JSON, or a subset of YAML in which this reader and the kubelet's cannot disagree. Any
 * other text is not understood, although a kubelet may read it. docs/kubelet-rules.md describes the subset.
 */
import { type Document, isMap, isScalar, isSeq, LineCounter, type ParsedNode, parseAllDocuments } from "yaml";
import { typeOfPlain } from "../plain-text.ts";
import { type Field, NOTHING, type Tree } from "../tree.ts";

interface Problem {
  readonly problem: string;
  readonly line?: number;
}

type ParsedText = { readonly tree: Tree } | Problem;

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

/** Every text stays as it is written, and so do fields that are given twice. */
export const YAML_AS_WRITTEN = {
  schema: "failsafe",
  version: "1.1",
  uniqueKeys: false,
  prettyErrors: false,
} as const;

function parse(text: string, isStrict: boolean): ParsedText {
  if (isDeep(text)) return { problem: "its values are nested too deeply" };
  const lines = new LineCounter();
  const [document] = parseAllDocuments(text, {
    ...YAML_AS_WRITTEN,
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

type Node = ParsedNode | null | undefined;

/** Texts without quotes. Inside brackets the readers disagree about colons and question marks. */
const PLAIN = /^(?:~|(?:-{1,2}(?=\w))?[\w./+][\x20-\x7e]*)$/;
const PLAIN_IN_BRACKETS = /^-{0,2}[\w/][\w./+=@~-]*$/;
const SINGLE_QUOTED = /^'(?:[^'\r\n]|'')*'$/;
/** Escapes of characters, but not of half a character. */
const DOUBLE_QUOTED =
  /^"(?:[^"\\\r\n]|\\(?:["\\bfnrt]|u(?![dD][89a-fA-F])[0-9a-fA-F]{4}|U000(?!0[dD][89a-fA-F])[0-9a-fA-F]{5}|U0010[0-9a-fA-F]{4}))*"$/;
/** Comments, with a space before them, and indicators, with a space behind: everything that may be between two texts. */
const BETWEEN = /(?:[ \r\n,[\]{}]|(?<=[ \n]|^)#.*|(?<! ):(?=[ \r\n]|$)|(?<=[ \n]|^)-(?=[ \r\n]|$))*/y;

/** @param isStrict false for JSON, which all readers read alike */
function readTree(document: Document.Parsed, text: string, lines: LineCounter, isStrict: boolean): ParsedText {
  let problem: Problem | undefined;
  /** The end of the last text that was checked. */
  let checked = 0;

  function fail(message: string, at: number): void {
    problem ??= { problem: message, line: lines.linePos(at).line };
  }

  function checkBetween(end: number): void {
    if (!isStrict) return;
    BETWEEN.lastIndex = checked;
    BETWEEN.test(text);
    const stop = BETWEEN.lastIndex;
    if (stop !== end) fail("it has something between its texts that is not read here", Math.min(stop, end));
  }

  function read(node: Node, isInBrackets: boolean): Tree {
    if (node === null || node === undefined || problem !== undefined) return NOTHING;
    const [start, end] = node.range;
    const { line } = lines.linePos(start);
    if (isMap(node)) {
      if (node.flow === true && text[start] !== "{") fail("it has a pair that is in no braces", start);
      const fields = node.items.flatMap(({ key, value }) => readPair(key, value, isInBrackets || node.flow === true));
      return { type: "map", fields, line };
    }
    if (isSeq(node)) {
      const items = node.items.map((item) => read(item as Node, isInBrackets || node.flow === true));
      return { type: "list", items, line };
    }
    if (!isScalar(node)) fail("it has an alias", start);
    else if (start !== end) {
      checkBetween(start);
      const source = text.slice(start, end);
      if (isStrict && !formOf(String(node.type), isInBrackets)?.test(source)) {
        fail("it has a text that is not read here: put it in quotes, on one line", start);
      }
      checked = end;
    }
    const value = isScalar(node) ? String(node.value) : "";
    return { type: isScalar(node) && node.type === "PLAIN" ? typeOfPlain(value) : "string", text: value, line };
  }

  function readPair(key: Node, value: Node, isInBrackets: boolean): readonly Field[] {
    const name = read(key, isInBrackets);
    if (name.type !== "string") fail("a field name is not a text", checked);
    if (value === null || value === undefined) fail("a field has no colon", checked);
    const field = read(value, isInBrackets);
    return name.type === "string" ? [{ key: name.text, value: field, line: name.line }] : [];
  }

  const tree = read(document.contents, false);
  if (problem === undefined) checkBetween(text.length);
  return problem ?? { tree };
}

function formOf(type: string, isInBrackets: boolean): RegExp | undefined {
  if (type === "PLAIN") return isInBrackets ? PLAIN_IN_BRACKETS : PLAIN;
  return { QUOTE_SINGLE: SINGLE_QUOTED, QUOTE_DOUBLE: DOUBLE_QUOTED }[type];
}
