/** Joins the codes of all packages that a request can fail with. A code without a row in its package does not compile. */
import { CACHE_ERRORS, type CacheErrorCode } from "@ocir-broker/expiring-cache";
import { type RequestErrorText, UPSTREAM_ERRORS, type UpstreamErrorCode } from "@ocir-broker/foundation";
import {
  IDENTITY_ERRORS,
  type IdentityErrorCode,
  WORKLOAD_ERRORS,
  type WorkloadErrorCode,
} from "@ocir-broker/identity";
import { OCIR_ERRORS, type OcirErrorCode } from "@ocir-broker/ocir";
import { PROTOCOL_ERRORS, type ProtocolErrorCode } from "@ocir-broker/protocol";
import { BROKER_ERRORS, type BrokerErrorCode } from "./broker-error.ts";

export type ErrorCode =
  | BrokerErrorCode
  | IdentityErrorCode
  | OcirErrorCode
  | ProtocolErrorCode
  | CacheErrorCode
  | UpstreamErrorCode
  | WorkloadErrorCode;

export const ERROR_TABLES = [
  PROTOCOL_ERRORS,
  BROKER_ERRORS,
  CACHE_ERRORS,
  IDENTITY_ERRORS,
  WORKLOAD_ERRORS,
  OCIR_ERRORS,
  UPSTREAM_ERRORS,
] as const;

export const ERROR_TABLE: Readonly<Record<ErrorCode, RequestErrorText>> = {
  ...PROTOCOL_ERRORS,
  ...BROKER_ERRORS,
  ...CACHE_ERRORS,
  ...IDENTITY_ERRORS,
  ...WORKLOAD_ERRORS,
  ...OCIR_ERRORS,
  ...UPSTREAM_ERRORS,
};

/** The row of a code; a code that nobody has classified is an error of ours. */
export function errorRowOf(code: string): { readonly code: ErrorCode; readonly row: RequestErrorText } {
  const known = Object.hasOwn(ERROR_TABLE, code) ? (code as ErrorCode) : "internal";
  return { code: known, row: ERROR_TABLE[known] };
}
