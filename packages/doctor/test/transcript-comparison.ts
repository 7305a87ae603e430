/** Compares two transcripts, usually of the real services and the simulator. Ignores times and the headers of a connection. */
import type { Shape } from "../src/recording/redaction.ts";
import type { Transcript } from "../src/recording/transcript.ts";

const OF_THE_CONNECTION = ["connection", "content-length", "date", "keep-alive", "transfer-encoding"];

/** One line for each difference, such as `registry, token: GET …: status: 200, stand-in 401`. */
export function compareTranscripts(real: Transcript, standIn: Transcript): string[] {
  const [ours, theirs] = [valuesOf(real), valuesOf(standIn)];
  return [...new Set([...ours.keys(), ...theirs.keys()])].flatMap((place) => {
    const [value = "absent", other = "absent"] = [ours.get(place), theirs.get(place)];
    return value === other ? [] : [`${place}: ${value}, stand-in ${other}`];
  });
}

/** By step, request and place in the response. */
function valuesOf({ entries }: Transcript): Map<string, string> {
  const values = new Map<string, string>();
  const walk = (place: string, shape: Shape): void => {
    if (typeof shape === "string") values.set(place, shape);
    else for (const [name, inner] of Object.entries(shape)) walk(`${place}.${name}`, inner);
  };
  for (const [at, { step, request, status, failure, headers = {}, body = "none" }] of entries.entries()) {
    // A step may send the same request more than once.
    const before = entries.slice(0, at).filter((entry) => entry.step === step && entry.request === request).length;
    const exchange = `${step}: ${request}${before === 0 ? "" : ` (${before + 1})`}`;
    const kept = Object.entries(headers).filter(([name]) => !OF_THE_CONNECTION.includes(name));
    walk(`${exchange}: status`, String(status ?? failure));
    walk(`${exchange}: header`, Object.fromEntries(kept));
    walk(`${exchange}: body`, body);
  }
  return values;
}
