/**
 * Reads a metrics file many times while others replace it; runs inside the node. Fails if the file is missing at any time. Prints
 * one JSON object (TextfileReport).
 *
 * usage: node textfile-reader.ts FILE READS PAUSE_MS
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expositionFault, familiesIn } from "./exposition-fault.ts";

export interface TextfileReport {
  readonly reads: number;
  /** Number of different texts, one for each observed write. */
  readonly texts: number;
  readonly faults: readonly string[];
  /** Each observed set of metrics, names in order. */
  readonly families: readonly string[];
}

const [path, reads, pauseMs] = process.argv.slice(2) as [string, string, string];
const texts = new Set<string>();
const families = new Set<string>();
const faults: string[] = [];
for (let read = 0; read < Number(reads); read += 1) {
  const text = readFileSync(path, "utf8");
  if (!texts.has(text)) {
    texts.add(text);
    families.add(familiesIn(text).join(" "));
    const fault = expositionFault(text);
    if (fault !== undefined) faults.push(fault);
  }
  await sleep(Number(pauseMs));
}
const report: TextfileReport = { reads: Number(reads), texts: texts.size, faults, families: [...families] };
process.stdout.write(JSON.stringify(report));
