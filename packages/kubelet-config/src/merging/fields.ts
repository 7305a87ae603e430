/** Makes and reads the trees of a provider's fields. */
import type { Field, ListTree, MapTree, Tree } from "../tree.ts";

export function mapOf(fields: readonly Field[]): MapTree {
  return { type: "map", fields, line: 0 };
}

export function listOf(items: readonly Tree[]): ListTree {
  return { type: "list", items, line: 0, isBlock: true, ranges: [] };
}

export function field(key: string, value: Tree): Field {
  return { key, value, line: 0 };
}

export function text(value: string): Tree {
  return { type: "string", text: value, line: 0 };
}

/** Takes the last of a duplicate field, as older kubelets do. */
export function fieldValue(tree: Tree, key: string): Tree | undefined {
  return tree.type === "map" ? tree.fields.findLast((existing) => existing.key === key)?.value : undefined;
}

export function itemsOf(tree: Tree | undefined, key: string): readonly Tree[] {
  const value = tree === undefined ? undefined : fieldValue(tree, key);
  return value?.type === "list" ? value.items : [];
}

export function isNamed(provider: Tree, name: string): boolean {
  const value = fieldValue(provider, "name");
  return value?.type === "string" && value.text === name;
}
