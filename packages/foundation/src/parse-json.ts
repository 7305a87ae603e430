/** Parses untrusted JSON. Drops the error of JSON.parse, which quotes the text. */
import { resultIfAny } from "./result-if-any.ts";

const BYTE_ORDER_MARK = /^\uFEFF/;

/** @returns undefined if the text is not one JSON document; ignores a byte-order mark (RFC 8259, 8.1). */
export function parseJson(text: string): unknown {
  return resultIfAny(() => JSON.parse(text.replace(BYTE_ORDER_MARK, "")));
}
