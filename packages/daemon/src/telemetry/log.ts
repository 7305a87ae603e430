/**
 * The log: one JSON line for each event on standard output, for journald with its priority in front (`<6>{…}`).
 *
 * Messages are static and in lower case; facts are fields. Errors are reduced to a closed list of fields, and a Secret prints
 * `[redacted]`, so no level shows one. A reader that stops reading, or a full disk, loses lines but never stops the broker.
 */
import { describeError } from "@ocir-broker/errors/describe-error";
import { type DestinationStream, destination, type Level, type Logger, pino, stdTimeFunctions } from "pino";

export type Log = Logger;

/** Buffer for a slow reader; further lines are dropped. */
const MAX_PENDING_BYTES = 1024 * 1024;

/** syslog(3) priorities, by the first letter of pino's level. */
const PRIORITY: Readonly<Record<string, string>> = { t: "<7>", d: "<7>", i: "<6>", w: "<4>", e: "<3>", f: "<2>" };

/** Position of the level's first letter in a line: after `{"level":"`. */
const LEVEL_OFFSET = 10;

export interface LogOptions {
  readonly level: Level;
  /** systemd sets JOURNAL_STREAM if journald reads the output; journald then needs the priority, but no time stamp. */
  readonly environment: NodeJS.ProcessEnv;
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
 * A line that cannot be written, for example to a full disk, is lost; the next one opens a new stream. The failed stream is
 * destroyed with its buffer, because it would retry at exit and the process would never end.
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
