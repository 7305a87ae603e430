/**
 * The text of a configuration file as a tree with line numbers and, where a field is given twice, both. Types are those
 * that the kubelet's YAML 1.1 reader gives (`yes` is a boolean), which a newer reader would not.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type ParsedNode, parseAllDocuments } from "yaml";

export type Tree = MapTree | ListTree | ScalarTree;

export interface Field {
  readonly key: string;
  readonly value: Tree;
  readonly line: number;
}

interface MapTree {
  readonly type: "map";
  readonly fields: readonly Field[];
  readonly line: number;
}

interface ListTree {
  readonly type: "list";
  readonly items: readonly Tree[];
  readonly line: number;
}

export interface ScalarTree {
  readonly type: "string" | "number" | "boolean" | "null";
  readonly text: string;
  readonly line: number;
}

export type ParsedText =
  | { readonly tree: Tree; readonly documents: number }
  | { readonly problem: string; readonly line?: number };

/** Go's reader stops at excessive aliasing; a configuration needs hardly any. */
const MAX_ALIASES = 1000;

/** The first document; what the kubelet cannot read is a problem. */
export function parseText(text: string): ParsedText {
  if (isJson(text) && !isValidJson(text)) return { problem: "it begins with { and is not valid JSON" };
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    schema: "failsafe",
    version: "1.1",
    strict: false,
    uniqueKeys: false,
    prettyErrors: false,
    lineCounter: lines,
  });
  const [first] = documents;
  if (first === undefined) return { tree: NOTHING, documents: 0 };
  const [error] = first.errors;
  if (error !== undefined) {
    // Not the library's message: it quotes the text, which may hold a secret.
    return { problem: `it is not valid YAML (${error.code})`, line: lines.linePos(error.pos[0]).line };
  }
  const { explicit, version } = first.directives.yaml;
  if (explicit === true && version !== "1.1") return { problem: "the kubelet reads %YAML 1.1 only", line: 1 };
  const { tree, problem } = readTree(first, lines);
  return problem ?? { tree, documents: documents.length };
}

/** The kubelet takes the JSON way when the first character that is no white space is `{`. */
export function isJson(text: string): boolean {
  return /^[[\s\u0085]--\uFEFF]*\{/v.test(text);
}

const NOTHING: Tree = { type: "null", text: "", line: 1 };

interface Problem {
  readonly problem: string;
  readonly line: number;
}

type Node = ParsedNode | null;

function readTree(document: Document.Parsed, lines: LineCounter): { tree: Tree; problem: Problem | undefined } {
  let problem: Problem | undefined;
  let aliases = 0;

  function fail(message: string, line: number): typeof NOTHING {
    problem ??= { problem: message, line };
    return NOTHING;
  }

  /** `within`: the nodes around this one, against an alias to one of them. */
  function read(node: Node, within: readonly Node[]): Tree {
    if (node === null || problem !== undefined) return NOTHING;
    const { line } = lines.linePos(node.range[0]);
    if (isAlias(node)) {
      const target = node.resolve(document) as Node | undefined;
      aliases += 1;
      if (target === undefined || within.includes(target)) return fail("an alias leads nowhere", line);
      return aliases > MAX_ALIASES ? fail("too many aliases", line) : read(target, within);
    }
    const around = [...within, node];
    if (isMap(node)) return { type: "map", fields: node.items.flatMap((pair) => readPair(pair, around, line)), line };
    if (isSeq(node)) return { type: "list", items: node.items.map((item) => read(item as Node, around)), line };
    return readScalar(node, line);
  }

  function readPair(pair: { key: Node; value: Node }, within: readonly Node[], mapLine: number): readonly Field[] {
    const key = read(pair.key, within);
    const value = read(pair.value, within);
    if (key.type === "map" || key.type === "list" || key.type === "null") {
      fail("a field name is not a text", mapLine);
      return [];
    }
    if (key.text !== "<<" || !isScalar(pair.key) || pair.key.type !== "PLAIN") {
      return [{ key: key.text, value, line: key.line }];
    }
    const merged = value.type === "list" ? value.items.toReversed() : [value];
    return merged.flatMap((item) => (item.type === "map" ? item.fields : noMap(item)));
  }

  /** YAML 1.1's merge key: the fields of the map, or of a list of maps, stand in its place. */
  function noMap({ line }: Tree): readonly Field[] {
    fail("<< stands before something that is no map", line);
    return [];
  }

  const tree = read(document.contents, []);
  return { tree, problem };
}

const TYPE_OF_TAG: Readonly<Record<string, ScalarTree["type"]>> = {
  "tag:yaml.org,2002:str": "string",
  "tag:yaml.org,2002:int": "number",
  "tag:yaml.org,2002:float": "number",
  "tag:yaml.org,2002:bool": "boolean",
  "tag:yaml.org,2002:null": "null",
};

function readScalar(node: { value: unknown; type?: string; tag?: string }, line: number): ScalarTree {
  const text = String(node.value);
  const untagged = node.type === "PLAIN" ? typeOfPlain(text) : "string";
  return { type: node.tag === undefined ? untagged : (TYPE_OF_TAG[node.tag] ?? "string"), text, line };
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
