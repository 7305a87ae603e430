/**
 * What kept a group of tests, or a part of it, from running. `npm run test:cluster` and `test:machine` record it in test-results, one
 * line each in `GROUP.lacks`, and the summary of a whole run reads it there.
 */
import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";

/**
 * - `machine`: this machine does not have it
 * - `time`: a build was not complete when its time was over
 * - `network`: a module proxy, a mirror or a network did not give it
 * - `error`: a build ended with an error of its own
 * - `choice`: nobody wants it in this run
 */
export const CAUSES = ["machine", "time", "network", "error", "choice"] as const;
export type Cause = (typeof CAUSES)[number];

export interface Lack {
  readonly cause: Cause;
  readonly reason: string;
}

/** For the titles of tests that a run leaves out by choice. All other reasons of a skipped test are something that it needs. */
export const SHORT_RUN = "a short run";
export const ONLY_LONG = "only in test:long";
export const OWNED = "it has the names of its owner";
export const CHOICES: readonly string[] = [SHORT_RUN, ONLY_LONG, OWNED];

/** By hand, the lack is only printed. */
export function recordLacks(group: "cluster" | "machine", lacks: readonly Lack[]): void {
  for (const { cause, reason } of lacks) console.error(`${group}: ${reason} (${cause})`);
  if (!process.env["CI"]) return;
  const folder = join(import.meta.dirname, "../../test-results");
  mkdirSync(folder, { recursive: true });
  appendFileSync(join(folder, `${group}.lacks`), lacks.map(({ cause, reason }) => `${cause} ${reason}\n`).join(""));
}
