/** Adds to an error's response the place or rule that the error names. */
import { codeOf } from "@ocir-broker/errors/describe-error";
import { responseWith } from "@ocir-broker/http-server/error-response";
import type { HttpResponse } from "@ocir-broker/http-server/http-response";
import { IdentityError } from "@ocir-broker/identity/identity-error";
import { OcirError } from "@ocir-broker/ocir/ocir-error";

export function errorResponseOf(error: unknown): HttpResponse {
  const place = error instanceof IdentityError ? error.place : undefined;
  return responseWith(codeOf(error), error instanceof OcirError ? error.reason : place);
}
