/** Makes and changes the trees of a provider's fields. */
import { type Field, type MapTree, sameTree, type Tree } from "../tree.ts";

export const NO_FIELDS: MapTree = { type: "map", fields: [], line: 0 };

/** Replaces fields of the same name in place and appends the others. */
export function setFields(map: MapTree, fields: readonly Field[]): MapTree {
  const changed = map.fields.map((existing): Field => {
    const value = fields.find(({ key }) => key === existing.key)?.value;
    const { source } = existing.value;
    if (value === undefined || sameTree(existing.value, value)) return existing;
    return source === undefined ? { ...existing, value } : { ...existing, value: { ...value, source } };
  });
  return { ...map, fields: [...changed, ...missing(map, fields)] };
}

export function missing(map: MapTree, fields: readonly Field[]): readonly Field[] {
  return fields.filter(({ key }) => !map.fields.some((existing) => existing.key === key));
}

/** Takes the last of a duplicate field, as older kubelets do. */
function fieldValue({ fields }: MapTree, key: string): Tree | undefined {
  return fields.findLast((existing) => existing.key === key)?.value;
}

export function itemsOf(map: MapTree, key: string): readonly Tree[] {
  const value = fieldValue(map, key);
  return value?.type === "list" ? value.items : [];
}

export function listOf(items: readonly Tree[]): Tree {
  return { type: "list", items, line: 0 };
}

export function isNamed(provider: Tree, name: string): boolean {
  if (provider.type !== "map") return false;
  const value = fieldValue(provider, "name");
  return value?.type === "string" && value.text === name;
}

export function field(key: string, value: Tree): Field {
  return { key, value, line: 0 };
}

export function text(value: string): Tree {
  return { type: "string", text: value, line: 0 };
}
