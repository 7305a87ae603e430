/** Reads the table of metrics in docs/metrics.md. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const DOCS = join(import.meta.dirname, "../../docs");
export const MONITORING = join(import.meta.dirname, "../../monitoring");

/** The daemon's, or those of the controller of pull secrets. */
export type Program = "ocir_broker" | "ocir_pull_secrets";

/** By name: the type, and the values that each label may have; `host` stands for any registry host, `any` for anything. */
export function documentedMetrics(program: Program = "ocir_broker") {
  const rows = readFileSync(join(DOCS, "metrics.md"), "utf8").matchAll(
    new RegExp(`^\\| \`(${program}_\\w+)\` \\| (\\w+) \\| ([^|]*)\\| [^|]+\\.[^|]* \\|$`, "gm"),
  );
  return new Map(
    [...rows].map(([, name = "", type = "", labels = ""]) => [name, { type, labels: new Map(labelsOf(labels)) }]),
  );
}

function labelsOf(cell: string): [string, string[]][] {
  return [...cell.matchAll(/`(\w+)`: ([^;`]+)/g)].map(([, label = "", values = ""]) => [
    label,
    values.trim().split(", "),
  ]);
}
