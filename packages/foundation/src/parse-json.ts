/** Parses untrusted JSON. Drops the error of JSON.parse, which quotes the text. */
import { resultIfAny } from "./result-if-any.ts";

const BYTE_ORDER_MARK = /^\uFEFF/;

/** @returns undefined if it is not one JSON document; ignores a byte-order mark (RFC 8259, 8.1). */
export function parseJson(text: string | Buffer): unknown {
  return resultIfAny(() => JSON.parse(text.toString().replace(BYTE_ORDER_MARK, "")));
}
