/**
 * Reads a metrics file again and again while others replace it, until a number of reads is done; runs inside the node.
 * A moment without a file ends it with an error. Prints one JSON object (TextfileReport).
 *
 * usage: node textfile-reader.ts FILE READS PAUSE_MS
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expositionFault, familiesIn } from "./exposition-fault.ts";

export interface TextfileReport {
  readonly reads: number;
  /** How many different texts: as many as writes were seen. */
  readonly texts: number;
  readonly faults: readonly string[];
  /** Each set of metrics that was seen, names in their order. */
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
