/** A decoded file, with line numbers and places in the text. A duplicate field keeps both values. */

export type Tree = MapTree | ListTree | ScalarTree;

export interface Field {
  readonly key: string;
  readonly value: Tree;
  readonly line: number;
}

/** A value's place in the text, as offsets; comments and line breaks that follow are not part of it. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

export interface MapTree {
  readonly type: "map";
  readonly fields: readonly Field[];
  readonly line: number;
}

export interface ListTree {
  readonly type: "list";
  readonly items: readonly Tree[];
  readonly line: number;
  /** Whether its items begin with dashes, which then begin their ranges. */
  readonly isBlock: boolean;
  readonly ranges: readonly Range[];
}

export interface ScalarTree {
  readonly type: "string" | "number" | "boolean" | "null";
  readonly text: string;
  readonly line: number;
}

/** null in Go, which also stands for a missing value. */
export const NOTHING: Tree = { type: "null", text: "", line: 1 };

/** Whether both decode to the same value. Positions and the order of fields do not count. */
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
