/** One HTTP request as a normalised value, in which headers that must occur once do. */
import type { IncomingMessage } from "node:http";
import * as z from "zod";
import { Refusal } from "./refusal.ts";

export type ReceivedRequest = Awaited<ReturnType<typeof receiveRequest>>;

const MAX_BODY_BYTES = 1_048_576;

/** Headers whose repetition would be ambiguous. */
const ONLY_ONCE = ["authorization", "content-type", "date", "host", "x-content-sha256", "x-date"];

/** A name or address, with or without a port. */
const HOST = /^(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/;

/** @throws {Refusal} for a request that every front end refuses. */
export async function receiveRequest(message: IncomingMessage, secure: boolean) {
  const body = await readBody(message);
  const headers: Record<string, string> = {};
  for (const [name, values = []] of Object.entries(message.headersDistinct)) {
    if (values.length > 1 && ONLY_ONCE.includes(name)) throw new Refusal("InvalidParameter", `${name} sent twice`);
    headers[name] = values.join(", ");
  }
  const target = message.url ?? "";
  const host = (headers["host"] ?? "").toLowerCase();
  if (!HOST.test(host)) throw new Refusal("InvalidParameter", "Host is not a host");
  const [path = "", ...query] = target.split("?");
  return {
    method: message.method ?? "",
    /** Path and query exactly as sent, since signatures cover them. */
    target,
    path,
    query: new URLSearchParams(query.join("?")),
    /** The requested host, with its port if given. */
    host,
    /** Names in lower case; repeated ones joined by a comma. */
    headers: headers as Readonly<typeof headers>,
    body,
    secure,
  };
}

/** @throws {Refusal} InvalidParameter */
export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch (cause) {
    throw new Refusal("InvalidParameter", `body is not JSON: ${cause}`);
  }
}

/** @throws {Refusal} InvalidParameter, naming each wrong field */
export function parseAs<T>(schema: z.ZodType<T>, value: unknown): T {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  throw new Refusal("InvalidParameter", z.prettifyError(error));
}

async function readBody(message: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of message as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > MAX_BODY_BYTES) throw new Refusal("InvalidParameter", "body too large");
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
