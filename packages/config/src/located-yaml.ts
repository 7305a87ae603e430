/** Finds the line of a key in a YAML document, or of the innermost part of its path that exists. */
import { type Document, isMap, isNode, isSeq, LineCounter, parseDocument } from "yaml";

export function parseLocated(text: string) {
  const lineCounter = new LineCounter();
  // A map as a key would become text, which takes minutes if it is deep.
  const document = parseDocument(text, { lineCounter, stringKeys: true });
  return {
    document,
    /** @returns 0 for the whole file. */
    lineOf(path: readonly PropertyKey[]): number {
      const offset = offsetOf(document, path);
      return offset === undefined ? 0 : lineCounter.linePos(offset).line;
    },
  };
}

function offsetOf(document: Document, path: readonly PropertyKey[]): number | undefined {
  let offset: number | undefined;
  let node: unknown = document.contents;
  for (const step of path) {
    const [key, value] = childOf(node, String(step));
    if (!isNode(key)) return offset;
    offset = key.range?.[0];
    node = value;
  }
  return offset;
}

/** The node that marks the child's position, and the child. */
function childOf(node: unknown, step: string): readonly unknown[] {
  if (isSeq(node)) return [node.items[Number(step)], node.items[Number(step)]];
  if (!isMap(node)) return [];
  const pair = node.items.find(({ key }) => String(key) === step);
  return [pair?.key, pair?.value];
}
