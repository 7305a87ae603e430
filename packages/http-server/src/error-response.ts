/** Renders an error as the shim passes it on to the kubelet's log: one printable ASCII line with a stable code. */
import { type ErrorCode, errorRowOf } from "@ocir-broker/errors/catalogue";
import { type HttpResponse, textResponse } from "./http-response.ts";

export function errorResponse(code: ErrorCode): HttpResponse {
  return responseWith(code);
}

/** @param anyCode one that the catalogue does not have becomes `internal`. */
export function responseWith(anyCode: string, reason?: string): HttpResponse {
  const { code, row } = errorRowOf(anyCode);
  const what = reason === undefined ? row.what : `${row.what}: ${reason}`;
  return textResponse(row.status, `ocir-broker: ${code}: ${what}; ${row.next}\n`);
}
