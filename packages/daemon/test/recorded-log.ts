/** For tests: a log that keeps its lines. */
import { createLog, type Log } from "../src/telemetry/log.ts";

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly code?: string;
  readonly error?: { readonly code: string; readonly message?: string };
  readonly [fact: string]: unknown;
}

export function createRecordedLog(level: "trace" | "info" = "trace"): { log: Log; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const stream = { write: (line: string) => void lines.push(JSON.parse(line)) };
  return { log: createLog({ level, environment: {}, stream }), lines };
}
