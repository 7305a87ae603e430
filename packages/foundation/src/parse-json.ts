/** A body from elsewhere as a value. JSON.parse quotes what it cannot read, so its error stays here. */

const BYTE_ORDER_MARK = /^\uFEFF/;

/** @returns undefined for whatever is not one JSON document; a byte-order mark before it is left out (RFC 8259, 8.1). */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.replace(BYTE_ORDER_MARK, ""));
  } catch {
    return undefined;
  }
}
