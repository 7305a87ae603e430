/**
 * The log: one JSON line an event on standard output, for journald with its priority in front (`<6>{…}`).
 *
 * Messages are static and in lower case, facts are fields. Errors are reduced to a closed list of fields and a
 * Secret prints `[redacted]`, so no level shows one. A reader that stops reading, or a full disk, costs lines, never the broker.
 */
import { type DestinationStream, destination, type Level, type Logger, pino, stdTimeFunctions } from "pino";
import { describeError } from "../errors/describe-error.ts";

export type Log = Logger;

/** Lines kept for a reader that is slow; beyond that they are dropped. */
const MAX_PENDING_BYTES = 1024 * 1024;

/** syslog(3) priorities by the first letter of pino's level. */
const PRIORITY: Readonly<Record<string, string>> = { t: "<7>", d: "<7>", i: "<6>", w: "<4>", e: "<3>", f: "<2>" };

/** Where the level's first letter stands in a line: after `{"level":"`. */
const LEVEL_OFFSET = 10;

export interface LogOptions {
  readonly level: Level;
  /** journald reads the priority and stamps the time itself; it sets JOURNAL_STREAM for those who write to it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stream?: DestinationStream;
}

export function createLog({ level, environment, stream }: LogOptions): Log {
  const isJournal = environment["JOURNAL_STREAM"] !== undefined;
  return pino(
    {
      level,
      base: null,
      timestamp: isJournal ? false : stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: describeError, err: describeError },
      hooks: isJournal ? { streamWrite: (line) => (PRIORITY[line.charAt(LEVEL_OFFSET)] ?? "") + line } : {},
    },
    stream ?? standardOutput(),
  );
}

/**
 * Lines that it cannot take, such as those for a full disk, are lost, and the next one is tried anew. The stream that
 * failed is let go of with what it holds: it would try to write that again when the process ends, and never end.
 */
function standardOutput(): DestinationStream {
  let output: ReturnType<typeof destination> | undefined;
  function open(): ReturnType<typeof destination> {
    const opened = destination({ dest: 1, sync: false, maxLength: MAX_PENDING_BYTES });
    opened.on("error", () => {
      opened.destroy();
      if (output === opened) output = undefined;
    });
    return opened;
  }
  return {
    write(line) {
      output ??= open();
      output.write(line);
    },
  };
}
