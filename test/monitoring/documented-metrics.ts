/** Reads the table of metrics in docs/metrics.md. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const DOCS = join(import.meta.dirname, "../../docs");
export const MONITORING = join(import.meta.dirname, "../../monitoring");

interface DocumentedMetric {
  readonly type: string;
  /** Label to the values it may have; `host` stands for any registry host, `any` for anything. */
  readonly labels: ReadonlyMap<string, readonly string[]>;
}

/** The daemon's, or those of the controller of pull secrets. */
export type Program = "ocir_broker" | "ocir_pull_secrets";

export function documentedMetrics(program: Program = "ocir_broker"): Map<string, DocumentedMetric> {
  const rows = readFileSync(join(DOCS, "metrics.md"), "utf8").matchAll(
    new RegExp(`^\\| \`(${program}_\\w+)\` \\| (\\w+) \\| ([^|]*)\\| [^|]+\\.[^|]* \\|$`, "gm"),
  );
  return new Map(
    [...rows].map(([, name, type, labels]) => [
      name as string,
      { type: type as string, labels: new Map(labelsOf(labels as string)) },
    ]),
  );
}

function labelsOf(cell: string): [string, string[]][] {
  return [...cell.matchAll(/`(\w+)`: ([^;`]+)/g)].map(([, label, values]) => [
    label as string,
    (values as string).trim().split(", "),
  ]);
}
