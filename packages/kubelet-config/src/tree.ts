/** A decoded file with line numbers. A duplicate field keeps both values. */

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

/** null in Go, which also stands for a missing value. */
export const NOTHING: Tree = { type: "null", text: "", line: 1 };

/** The value as JavaScript has it. Of a duplicate field, the last one counts, as in a kubelet that accepts it. */
export function plainValueOf(tree: Tree): unknown {
  if (tree.type === "map") return Object.fromEntries(tree.fields.map(({ key, value }) => [key, plainValueOf(value)]));
  if (tree.type === "list") return tree.items.map(plainValueOf);
  if (tree.type === "null") return null;
  if (tree.type === "boolean") return isTrue(tree);
  return tree.type === "number" ? Number(tree.text) : tree.text;
}

/** Whether a map has a field twice, of which `plainValueOf` has one. */
export function hasFieldTwice(tree: Tree): boolean {
  if (tree.type === "list") return tree.items.some(hasFieldTwice);
  if (tree.type !== "map") return false;
  const keys = new Set(tree.fields.map(({ key }) => key));
  return keys.size < tree.fields.length || tree.fields.some(({ value }) => hasFieldTwice(value));
}

export function isTrue({ text }: ScalarTree): boolean {
  return /^(?:y|yes|true|on)$/i.test(text);
}
