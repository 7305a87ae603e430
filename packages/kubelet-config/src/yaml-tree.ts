/** Converts the nodes of the YAML library to the tree that the kubelet's YAML 1.1 reader would give. */
import { type Document, isAlias, isMap, isScalar, isSeq, type LineCounter, type ParsedNode, type Scalar } from "yaml";
import { typeOfPlain } from "./plain-text.ts";
import {
  endsInBlanks,
  hasBadEscape,
  isFlowTextWithKey,
  isKnownTag,
  isRunTogether,
  isSetOff,
} from "./reader-differences.ts";
import { type Field, NOTHING, type ScalarTree, type Source, type Tree } from "./tree.ts";

/** Go's reader refuses excessive aliasing; a configuration needs hardly any. */
const MAX_ALIASES = 1000;

export interface Problem {
  readonly problem: string;
  readonly line: number;
}

type Node = ParsedNode | null;

export function readTree(
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

  /** `within`: the nodes around this one, to detect an alias to one of them. */
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
    if (endsInBlanks(node, text)) return fail("the last line holds only spaces", line);
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
    // YAML 1.1's merge key: the fields of the map, or of a list of maps, replace it.
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

/** The offsets at which the children of a collection begin. */
function markersOf({ srcToken }: { srcToken?: unknown }): readonly number[] {
  const { items = [] } = (srcToken ?? {}) as { items?: readonly CollectionToken[] };
  return items.map(({ start, key, value }) => {
    const indicator = start.find(({ type }) => type === "seq-item-ind" || type === "explicit-key-ind");
    return (indicator ?? key ?? value)?.offset ?? 0;
  });
}

/** The part of the library's tokens that is used here. */
interface CollectionToken {
  readonly start: readonly { readonly type: string; readonly offset: number }[];
  readonly key?: { readonly offset: number } | null;
  readonly value?: { readonly offset: number };
}

/** A block collection ends with its last child; the library also counts the comments after it. */
function blockSource(node: { flow?: boolean }, source: Source, lastChild: Tree | undefined): Source {
  if (node.flow === true) return source;
  return { ...source, end: lastChild?.source?.end ?? source.end, isBlock: true };
}

function readScalar(node: Scalar.Parsed, source: string, line: number): ScalarTree {
  const isPlain = node.type === "PLAIN" && node.tag === undefined;
  const text = endsWithoutLineBreak(node, source) ? String(node.value).replace(/\n$/, "") : String(node.value);
  return { type: isPlain ? typeOfPlain(text) : "string", text, line };
}

/** A block scalar at the end of a file without a final line break: the kubelet's YAML library adds none, ours does. */
function endsWithoutLineBreak({ type, range }: Scalar.Parsed, source: string): boolean {
  return String(type).startsWith("BLOCK") && range[1] === source.length && !source.endsWith("\n");
}
