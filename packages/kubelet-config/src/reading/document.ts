/** Reads the text of a configuration file as the kubelet does: bytes to text, JSON or YAML, the first document. */
import { LineCounter, parseAllDocuments } from "yaml";
import { isJson, isValidJson } from "../json-text.ts";
import { NOTHING, type Tree } from "../tree.ts";
import { type Problem, readTree } from "../yaml-tree.ts";

export type ParsedText =
  | { readonly tree: Tree; readonly documents: number }
  | { readonly problem: string; readonly line?: number };

/**
 * Returns the text of a file as the kubelet's readers see it. Bytes that are not UTF-8 become U+FFFD in JSON, as in Go, and
 * otherwise a character that no reader accepts.
 */
export function decodeConfigText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return decode("utf-16le", bytes);
  if (first === 0xfe && second === 0xff) return decode("utf-16be", bytes);
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  return isJson(text) ? text : decode("utf-8", bytes);
}

function decode(encoding: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder(encoding, { ignoreBOM: true, fatal: true }).decode(bytes);
  } catch {
    return "\0";
  }
}

/**
 * Characters that the kubelet's YAML reader refuses, treats as line breaks (U+2028, U+2029) or drops (U+FEFF), unlike
 * ours. All of them are refused, because a configuration needs none. A byte order mark may begin the text, but not before
 * indentation, which the two readers count differently.
 */
const UNREADABLE =
  /(?!^\uFEFF[^ \t])[^\t\n\r\x20-\x7e\x85\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/u;

/** The kubelet's reader allows a tab in fewer places than ours. */
const TAB_IN_INDENTATION = /^ *\t/m;

/** Reads the first document; anything that the kubelet cannot read is a problem. */
export function parseText(text: string): ParsedText {
  // Each character keeps its offset.
  const normalized = text.replaceAll(/\r(?!\n)/g, "\n");
  if (isJson(text))
    return isValidJson(text) ? parseYaml(normalized) : { problem: "it begins with { and is not valid JSON" };
  const yaml = normalized.replaceAll("\x85", "\n");
  return (
    problemAt(yaml, UNREADABLE, "it has a character that YAML does not allow") ??
    problemAt(yaml, TAB_IN_INDENTATION, "a line begins with a tab") ??
    parseYaml(yaml)
  );
}

function problemAt(text: string, pattern: RegExp, problem: string): Problem | undefined {
  const at = text.search(pattern);
  return at === -1 ? undefined : { problem, line: text.slice(0, at).split("\n").length };
}

function parseYaml(text: string): ParsedText {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    schema: "failsafe",
    version: "1.1",
    strict: false,
    uniqueKeys: false,
    prettyErrors: false,
    keepSourceTokens: true,
    lineCounter: lines,
  });
  const [first] = documents;
  if (first === undefined) return { tree: NOTHING, documents: 0 };
  const [error] = first.errors;
  if (error !== undefined) {
    // The library's message is not used: it quotes the text, which may hold a secret.
    return { problem: `it is not valid YAML (${error.code})`, line: lines.linePos(error.pos[0]).line };
  }
  if (!isYaml11(text)) return { problem: "the kubelet reads %YAML 1.1 only, given once", line: 1 };
  const { tree, problem } = readTree(first, text, lines);
  return problem ?? { tree, documents: documents.length };
}

function isYaml11(text: string): boolean {
  const [directives = ""] = text.split(/^---/m, 1);
  const versions = [...directives.matchAll(/^%YAML\s+(\S+)/gm)];
  return versions.length < 2 && versions.every(([, version]) => version === "1.1");
}
