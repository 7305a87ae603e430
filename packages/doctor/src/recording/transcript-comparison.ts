/**
 * Compares two transcripts, usually of the real services and the simulator. Ignores times and the headers of a connection.
 */
import type { Shape } from "./redaction.ts";
import type { Transcript, TranscriptEntry } from "./transcript.ts";

const OF_THE_CONNECTION: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "date",
  "keep-alive",
  "transfer-encoding",
]);

/** One line for each difference, such as `registry, token: GET …: status: 200, stand-in 401`. */
export function compareTranscripts(real: Transcript, standIn: Transcript): string[] {
  const theirs = numbered(standIn.entries);
  const ours = numbered(real.entries);
  return [...new Set([...ours.keys(), ...theirs.keys()])].flatMap((key) => {
    const entry = ours.get(key);
    const other = theirs.get(key);
    if (entry === undefined) return [`${key}: only the stand-in was asked this`];
    if (other === undefined) return [`${key}: the stand-in was not asked this`];
    return compareEntries(key, entry, other);
  });
}

/** A step may send the same request more than once. */
function numbered(entries: readonly TranscriptEntry[]): Map<string, TranscriptEntry> {
  const byKey = new Map<string, TranscriptEntry>();
  for (const entry of entries) {
    const key = `${entry.step}: ${entry.request}`;
    let count = 1;
    while (byKey.has(count === 1 ? key : `${key} (${count})`)) count += 1;
    byKey.set(count === 1 ? key : `${key} (${count})`, entry);
  }
  return byKey;
}

function compareEntries(key: string, real: TranscriptEntry, standIn: TranscriptEntry): string[] {
  const ours = flatten(real);
  const theirs = flatten(standIn);
  return [...new Set([...ours.keys(), ...theirs.keys()])].flatMap((path) => {
    const value = ours.get(path) ?? "absent";
    const other = theirs.get(path) ?? "absent";
    return value === other ? [] : [`${key}: ${path}: ${value}, stand-in ${other}`];
  });
}

function flatten({ status, failure, headers = {}, body = "none" }: TranscriptEntry): Map<string, string> {
  const kept = Object.fromEntries(Object.entries(headers).filter(([name]) => !OF_THE_CONNECTION.has(name)));
  const leaves = new Map<string, string>();
  const walk = (path: string, shape: Shape): void => {
    if (typeof shape === "string") leaves.set(path, shape);
    else for (const [name, inner] of Object.entries(shape)) walk(`${path}.${name}`, inner);
  };
  walk("status", String(status ?? failure));
  walk("header", kept);
  walk("body", body);
  return leaves;
}
