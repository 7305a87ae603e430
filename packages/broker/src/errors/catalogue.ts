/** Joins the codes of all packages that a request can fail with. A code without a row in its package does not compile. */
import { CACHE_ERRORS } from "@ocir-broker/expiring-cache";
import { type RequestErrorText, UPSTREAM_ERRORS } from "@ocir-broker/foundation";
import { IDENTITY_ERRORS, WORKLOAD_ERRORS } from "@ocir-broker/identity";
import { OCIR_ERRORS } from "@ocir-broker/ocir";
import { PROTOCOL_ERRORS } from "@ocir-broker/protocol";
import { BROKER_ERRORS } from "./broker-error.ts";

export const ERROR_TABLES = [
  PROTOCOL_ERRORS,
  BROKER_ERRORS,
  CACHE_ERRORS,
  IDENTITY_ERRORS,
  WORKLOAD_ERRORS,
  OCIR_ERRORS,
  UPSTREAM_ERRORS,
] as const;

type KeyOf<Table> = Table extends unknown ? keyof Table : never;

export type ErrorCode = KeyOf<(typeof ERROR_TABLES)[number]>;

export const ERROR_TABLE: Readonly<Record<ErrorCode, RequestErrorText>> = Object.assign({}, ...ERROR_TABLES);

/** The row of a code; a code that nobody has classified is an error of ours. */
export function errorRowOf(code: string): { readonly code: ErrorCode; readonly row: RequestErrorText } {
  const known = Object.hasOwn(ERROR_TABLE, code) ? (code as ErrorCode) : "internal";
  return { code: known, row: ERROR_TABLE[known] };
}
