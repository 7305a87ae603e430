import { parseJson } from "./parse-json.ts";

/** Parses a JWT without verifying it. A part is undefined if it is missing or not JSON. */
export function parseJwt(token: string): { readonly header: unknown; readonly claims: unknown } {
  const [header, claims] = token.split(".", 2).map((part) => parseJson(Buffer.from(part, "base64url")));
  return { header, claims };
}
