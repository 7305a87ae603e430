/** Durations as written in the configuration: "15s", "500ms", "2m". */
import * as z from "zod";

/** Text that passed the schema. */
export type Duration = string;

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000 } as const;
const PATTERN = /^[1-9][0-9]{0,8}(?:ms|s|m)$/;

/** A schema for durations between two inclusive bounds. */
export function duration(shortest: Duration, longest: Duration): z.ZodType<Duration, Duration> {
  const example = isWithin("15s") ? "15s" : longest;
  const problem = `must be a duration from ${shortest} to ${longest}, such as "${example}"`;
  return z.string(problem).regex(PATTERN, { error: problem, abort: true }).refine(isWithin, problem);

  function isWithin(text: Duration): boolean {
    return durationMs(text) >= durationMs(shortest) && durationMs(text) <= durationMs(longest);
  }
}

/** Milliseconds of a checked duration; NaN for any other text. */
export function durationMs(text: Duration): number {
  const unit = text.replace(/^[0-9]+/, "") as keyof typeof UNIT_MS;
  return Number.parseInt(text, 10) * UNIT_MS[unit];
}
