/** Renders an error as the shim passes it on to the kubelet's log: one printable ASCII line with a stable code. */
import { type ErrorCode, errorRowOf } from "@ocir-broker/errors/catalogue";
import { codeOf } from "@ocir-broker/errors/describe-error";
import { IdentityError } from "@ocir-broker/identity/identity-error";
import { OcirError } from "@ocir-broker/ocir/ocir-error";
import { type HttpResponse, textResponse } from "./http-response.ts";

export function errorResponseOf(error: unknown): HttpResponse {
  const place = error instanceof IdentityError ? error.place : undefined;
  return responseWith(codeOf(error), error instanceof OcirError ? error.reason : place);
}

export function errorResponse(code: ErrorCode): HttpResponse {
  return responseWith(code);
}

function responseWith(anyCode: string, reason?: string): HttpResponse {
  const { code, row } = errorRowOf(anyCode);
  const what = reason === undefined ? row.what : `${row.what}: ${reason}`;
  return textResponse(row.status, `ocir-broker: ${code}: ${what}; ${row.next}\n`);
}
