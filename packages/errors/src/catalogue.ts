/** Joins the tables of all codes that a request can fail with. A code without a row does not compile. */
import { BROKER_ERRORS } from "./broker-errors.ts";
import { CACHE_ERRORS } from "./cache-errors.ts";
import type { RequestErrorText } from "./error-text.ts";
import { IDENTITY_ERRORS } from "./identity-errors.ts";
import { OCIR_ERRORS } from "./ocir-errors.ts";
import { PROTOCOL_ERRORS } from "./protocol-errors.ts";
import { TOKEN_EXCHANGE_ERRORS } from "./token-exchange-errors.ts";
import { UPSTREAM_ERRORS } from "./upstream-errors.ts";

export const ERROR_TABLES = [
  PROTOCOL_ERRORS,
  BROKER_ERRORS,
  CACHE_ERRORS,
  IDENTITY_ERRORS,
  TOKEN_EXCHANGE_ERRORS,
  OCIR_ERRORS,
  UPSTREAM_ERRORS,
] as const;

type KeyOf<Table> = Table extends unknown ? keyof Table : never;

export type ErrorCode = KeyOf<(typeof ERROR_TABLES)[number]>;

export const ERROR_TABLE: Readonly<Record<ErrorCode, RequestErrorText>> = Object.assign({}, ...ERROR_TABLES);

/** The row of a code; a code without a row is an internal error. */
export function errorRowOf(code: string): { readonly code: ErrorCode; readonly row: RequestErrorText } {
  const known = Object.hasOwn(ERROR_TABLE, code) ? (code as ErrorCode) : "internal";
  return { code: known, row: ERROR_TABLE[known] };
}
