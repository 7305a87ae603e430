/** Joins the rows of all codes that a request for credentials can fail with. */

import { BROKER_ERRORS } from "@ocir-broker/errors/error-codes";
import { type ErrorRow, INTERNAL } from "@ocir-broker/errors/error-row";
import { CACHE_ERRORS } from "@ocir-broker/expiring-cache/error-codes";
import { UPSTREAM_ERRORS } from "@ocir-broker/foundation/error-codes";
import { HTTP_ERRORS } from "@ocir-broker/http-server/error-codes";
import { IDENTITY_ERRORS, TOKEN_EXCHANGE_ERRORS } from "@ocir-broker/identity/error-codes";
import { OCIR_ERRORS } from "@ocir-broker/ocir/error-codes";
import { PROTOCOL_ERRORS } from "@ocir-broker/protocol/error-codes";

export const ERROR_TABLES = [
  PROTOCOL_ERRORS,
  HTTP_ERRORS,
  BROKER_ERRORS,
  CACHE_ERRORS,
  IDENTITY_ERRORS,
  TOKEN_EXCHANGE_ERRORS,
  OCIR_ERRORS,
  UPSTREAM_ERRORS,
  { internal: INTERNAL },
] as const;

type KeyOf<Table> = Table extends unknown ? keyof Table : never;

export type ErrorCode = KeyOf<(typeof ERROR_TABLES)[number]>;

export const ERROR_TABLE: Readonly<Record<ErrorCode, ErrorRow>> = Object.assign({}, ...ERROR_TABLES);
