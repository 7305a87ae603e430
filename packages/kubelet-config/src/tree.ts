/** A decoded file, with line numbers and places in the text. A duplicate field keeps both values. */

export type Tree = MapTree | ListTree | ScalarTree;

export interface Field {
  readonly key: string;
  readonly value: Tree;
  readonly line: number;
}

/** A value's place in the text, as offsets. */
export interface Source {
  /** Offset of the introducing token: the dash of its list item, or the key of its field. */
  readonly marker: number;
  readonly start: number;
  /** Offset after its last character; comments and line breaks that follow are not part of it. */
  readonly end: number;
  readonly isBlock: boolean;
}

export interface MapTree {
  readonly type: "map";
  readonly fields: readonly Field[];
  readonly line: number;
  /** Absent for a value that is in no text. */
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
