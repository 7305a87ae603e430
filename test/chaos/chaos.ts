/**
 * `npm run chaos -- --minutes N [--seed S]`: a node under many faults, and the rules that must still hold. Exits with 1 after a
 * violation, with the event log in dist/chaos-SEED.log and the command to repeat the run.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runChaos } from "./chaos-run.ts";

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "10" }, seed: { type: "string" } },
});
const minutes = Number(values.minutes);
const seed = values.seed === undefined ? Math.floor(Math.random() * 1e9) : Number(values.seed);
if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
  console.error("usage: npm run chaos -- [--minutes N] [--seed S], a number of minutes and a whole number");
  process.exit(2);
}

console.log(`chaos for ${minutes} min, seed ${seed}`);
const lines: string[] = [];
const report = await runChaos({
  seed,
  lengthMs: minutes * 60_000,
  onLine(line) {
    lines.push(line);
    if (line.includes("VIOLATION")) console.log(line);
  },
});
console.log(JSON.stringify(report, undefined, 2));
console.log(
  `happened: ${Object.entries(report.happened)
    .map(([kind, times]) => `${kind} ${times}`)
    .join(", ")}`,
);
const missed = Object.entries(report.happened).flatMap(([kind, times]) => (times === 0 ? [kind] : []));
if (missed.length > 0) console.log(`NEVER HAPPENED, so nothing is said about it: ${missed.join(", ")}`);
if (report.violations.length > 0) {
  const path = join(import.meta.dirname, `../../dist/chaos-${seed}.log`);
  writeFileSync(path, `${lines.join("\n")}\n`);
  console.log(`${report.violations.length} violations; events and the daemon's log: ${path}`);
  console.log(`again with: npm run chaos -- --minutes ${minutes} --seed ${seed}`);
  process.exitCode = 1;
}
