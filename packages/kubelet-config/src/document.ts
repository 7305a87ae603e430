/**
 * The text of a configuration file as a tree with line numbers and, where a field is given twice, both. Types are those
 * that the kubelet's YAML 1.1 reader gives (`yes` is a boolean), which a newer reader would not.
 */
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type ParsedNode,
  parseAllDocuments,
  type Scalar,
} from "yaml";

export type Tree = MapTree | ListTree | ScalarTree;

export interface Field {
  readonly key: string;
  readonly value: Tree;
  readonly line: number;
}

/** A value's place in the text, as offsets. */
export interface Source {
  /** Of what introduces it: the dash of its list item, or the key of its field. */
  readonly marker: number;
  readonly start: number;
  /** Behind its last character; comments and line breaks that follow are not part of it. */
  readonly end: number;
  readonly isBlock: boolean;
}

export interface MapTree {
  readonly type: "map";
  readonly fields: readonly Field[];
  readonly line: number;
  /** Absent for a value that stands in no text. */
  readonly source?: Source;
}

export interface ListTree {
  readonly type: "list";
  readonly items: readonly Tree[];
  readonly line: number;
  readonly source?: Source;
}

export interface ScalarTree {
  readonly type: "string" | "number" | "boolean" | "null";
  readonly text: string;
  readonly line: number;
  readonly source?: Source;
}

export type ParsedText =
  | { readonly tree: Tree; readonly documents: number }
  | { readonly problem: string; readonly line?: number };

/**
 * The text of a file as the kubelet's readers see it. Bytes that are not UTF-8 become U+FFFD in JSON, as in Go, and
 * otherwise a character that no reader takes.
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

/** Go's reader stops at excessive aliasing; a configuration needs hardly any. */
const MAX_ALIASES = 1000;

/**
 * Characters that the kubelet's YAML reader refuses, and those that it takes for line breaks (U+2028, U+2029) or leaves
 * out (U+FEFF) while ours does not: they are refused too, as they have no business in a configuration. A byte order mark
 * may begin the text, but not with indentation behind it, which the two count differently.
 */
const UNREADABLE =
  /(?!^\uFEFF[^ \t])[^\t\n\r\x20-\x7e\x85\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/u;

/** Only some places allow a tab there, and ours allows more of them than the kubelet's. */
const TAB_IN_INDENTATION = /^ *\t/m;

/** The first document; what the kubelet cannot read is a problem. */
export function parseText(text: string): ParsedText {
  // Each character stays at its offset.
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
    // Not the library's message: it quotes the text, which may hold a secret.
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

/** The kubelet takes the JSON way when the first character that is no white space is `{`. */
export function isJson(text: string): boolean {
  return /^[[\s\u0085]--\uFEFF]*\{/v.test(text);
}

/** A text that needs no quotes anywhere: a cautious guess, which costs quotes at worst. */
export function isPlainText(text: string): boolean {
  return /^-{0,2}[a-z0-9/][\w./-]*$/i.test(text) && typeOfPlain(text) === "string";
}

const NOTHING: Tree = { type: "null", text: "", line: 1 };

interface Problem {
  readonly problem: string;
  readonly line: number;
}

type Node = ParsedNode | null;

function readTree(
  document: Document.Parsed,
  text: string,
  lines: LineCounter,
): { tree: Tree; problem: Problem | undefined } {
  let problem: Problem | undefined;
  let aliases = 0;

  function fail(message: string, line: number): typeof NOTHING {
    problem ??= { problem: message, line };
    return NOTHING;
  }

  /** `within`: the nodes around this one, against an alias to one of them. */
  function read(node: Node, within: readonly Node[], marker: number): Tree {
    if (node === null || problem !== undefined) return NOTHING;
    const { line } = lines.linePos(node.range[0]);
    const source = { marker, start: node.range[0], end: node.range[1], isBlock: false };
    if (isAlias(node)) {
      const target = node.resolve(document) as Node | undefined;
      aliases += 1;
      if (target === undefined || within.includes(target)) return fail("an alias leads nowhere", line);
      return aliases > MAX_ALIASES ? fail("too many aliases", line) : { ...read(target, within, marker), source };
    }
    if (!isKnownTag(node)) return fail("a tag that is not read here", line);
    if (!isSetOff(node, text)) return fail("no space behind an anchor or a tag", line);
    if (isFlowTextWithKey(node, within, text)) return fail("a question mark in a text without quotes", line);
    if (hasBadEscape(node, text)) return fail("an escape of half a character", line);
    const around = [...within, node];
    const markers = markersOf(node);
    if (isMap(node)) {
      const fields = node.items.flatMap((pair, index) => readPair(pair, around, line, Number(markers[index])));
      return { type: "map", fields, line, source: blockSource(node, source, fields.at(-1)?.value) };
    }
    if (isSeq(node)) {
      const items = node.items.map((item, index) => read(item as Node, around, Number(markers[index])));
      return { type: "list", items, line, source: blockSource(node, source, items.at(-1)) };
    }
    return { ...readScalar(node, text, line), source };
  }

  function readPair(
    pair: { key: Node; value: Node },
    within: readonly Node[],
    mapLine: number,
    marker: number,
  ): readonly Field[] {
    const key = read(pair.key, within, marker);
    const value = read(pair.value, within, marker);
    if (key.type !== "string") return noFields("a field name is not a text", mapLine);
    if (isRunTogether(pair.key, text)) return noFields("no space behind a colon", key.line);
    if (key.text !== "<<" || !isScalar(pair.key) || pair.key.type !== "PLAIN") {
      return [{ key: key.text, value, line: key.line }];
    }
    // YAML 1.1's merge key: the fields of the map, or of a list of maps, stand in its place.
    const merged = value.type === "list" ? value.items.toReversed() : [value];
    return merged.flatMap((item) =>
      item.type === "map" ? item.fields : noFields("<< stands before something that is no map", item.line),
    );
  }

  function noFields(message: string, line: number): readonly Field[] {
    fail(message, line);
    return [];
  }

  const tree = read(document.contents, [], 0);
  return { tree, problem };
}

/** Where the children of a collection begin. */
function markersOf({ srcToken }: { srcToken?: unknown }): readonly number[] {
  const { items = [] } = (srcToken ?? {}) as { items?: readonly CollectionToken[] };
  return items.map(({ start, key, value }) => {
    const indicator = start.find(({ type }) => type === "seq-item-ind" || type === "explicit-key-ind");
    return (indicator ?? key ?? value)?.offset ?? 0;
  });
}

/** What is needed here of the library's tokens. */
interface CollectionToken {
  readonly start: readonly { readonly type: string; readonly offset: number }[];
  readonly key?: { readonly offset: number } | null;
  readonly value?: { readonly offset: number };
}

/** A block collection ends with its last child; the library counts the comments behind it too. */
function blockSource(node: { flow?: boolean }, source: Source, lastChild: Tree | undefined): Source {
  if (node.flow === true) return source;
  return { ...source, end: lastChild?.source?.end ?? source.end, isBlock: true };
}

/** Tags that change nothing, and those of a text, as which an unknown one counts. The kubelet refuses most others. */
function isKnownTag(node: NonNullable<Node>): boolean {
  if (node.tag === undefined) return true;
  if (isScalar(node)) return /^(?:![\w-]+|tag:yaml\.org,2002:str)$/.test(node.tag);
  return node.tag === `tag:yaml.org,2002:${isMap(node) ? "map" : "seq"}`;
}

/** `a:b` and `a:,` in flow style: the kubelet's reader takes the colon for a part of the text. */
function isRunTogether(key: Node, text: string): boolean {
  return isScalar(key) && key.type === "PLAIN" && /^:[^\s]/.test(text.slice(key.range[1], key.range[1] + 2));
}

/** Whether a space separates a value from what the kubelet's reader would otherwise take with it. */
function isSetOff({ anchor, tag, range }: NonNullable<Node>, text: string): boolean {
  const before = String(text[range[0] - 1]);
  if (anchor !== undefined && !/^[\w-]+$/.test(anchor)) return false;
  return (anchor === undefined && tag === undefined) || range[0] === range[1] || /\s/.test(before);
}

/** Between brackets the kubelet's reader takes any question mark for the sign of a key. */
function isFlowTextWithKey(node: NonNullable<Node>, within: readonly Node[], text: string): boolean {
  if (!isScalar(node) || node.type !== "PLAIN" || !text.slice(node.range[0], node.range[1]).includes("?")) return false;
  return within.some((around) => isCollection(around) && around.flow === true);
}

function hasBadEscape(node: NonNullable<Node>, text: string): boolean {
  if (!isScalar(node) || node.type !== "QUOTE_DOUBLE" || isJson(text)) return false;
  return /\\u[Dd][89A-Fa-f]/.test(text.slice(node.range[0], node.range[1]).replaceAll("\\\\", ""));
}

function readScalar(node: Scalar.Parsed, source: string, line: number): ScalarTree {
  const isPlain = node.type === "PLAIN" && node.tag === undefined;
  const text = endsWithoutLineBreak(node, source) ? String(node.value).replace(/\n$/, "") : String(node.value);
  return { type: isPlain ? typeOfPlain(text) : "string", text, line };
}

/** A block scalar at the end of such a file: the kubelet's YAML library adds no line break, ours does. */
function endsWithoutLineBreak({ type, range }: Scalar.Parsed, source: string): boolean {
  return String(type).startsWith("BLOCK") && range[1] === source.length && !source.endsWith("\n");
}

const BOOLEAN = /^(?:[yn]|yes|no|true|false|on|off|Y|N|Yes|No|True|False|On|Off|YES|NO|TRUE|FALSE|ON|OFF)$/;
const NULL = /^(?:|~|null|Null|NULL)$/;
const INTEGER = /^[-+]?(?:0x[0-9a-f]{1,16}|0b[01]{1,64}|0o[0-7]+|[0-9]+)$/i;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:e[-+]?[0-9]+)?$/i;
const NOT_FINITE = /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;

/** As the YAML library of Kubernetes resolves a text without quotes. Dates stay texts there. */
function typeOfPlain(text: string): ScalarTree["type"] {
  if (NULL.test(text)) return "null";
  if (BOOLEAN.test(text)) return "boolean";
  const digits = /^[-+.0-9]/.test(text) ? text.replaceAll("_", "") : "";
  return INTEGER.test(digits) || FLOAT.test(digits) || NOT_FINITE.test(text) ? "number" : "string";
}

function isValidJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Whether both decode to the same value. Where they stand does not count, nor the order of fields. */
export function sameTree(a: Tree, b: Tree): boolean {
  if (a.type === "map" && b.type === "map") {
    const others = byKey(b.fields);
    return a.fields.length === b.fields.length && byKey(a.fields).every((one, index) => sameField(one, others[index]));
  }
  if (a.type === "list" && b.type === "list") {
    return a.items.length === b.items.length && a.items.every((item, index) => sameTree(item, b.items[index] as Tree));
  }
  return a.type === b.type && (a.type === "null" || (a as ScalarTree).text === (b as ScalarTree).text);
}

function sameField(a: Field, b: Field | undefined): boolean {
  return a.key === b?.key && sameTree(a.value, b.value);
}

function byKey(fields: readonly Field[]): readonly Field[] {
  return fields.toSorted((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key)));
}
