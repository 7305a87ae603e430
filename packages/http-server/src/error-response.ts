/** Renders an error as a response: its line, with a status that tells the client's errors from ours. */
import { errorLine, errorLineOf, OwnError } from "@ocir-broker/errors/describe-error";
import { HTTP_ERRORS, HTTP_STATUSES, type HttpErrorCode } from "./error-codes.ts";
import { type HttpResponse, textResponse } from "./http-response.ts";

/** For a request that no handler gets. */
export function refusalOf(code: HttpErrorCode): HttpResponse {
  return textResponse(HTTP_STATUSES[code], errorLine(code, HTTP_ERRORS[code]));
}

/** The shim passes on a client's error, and treats any other as no response (docs/decisions/0034-restarts-in-an-outage.md). */
export function errorResponseOf(error: unknown): HttpResponse {
  const isClients = error instanceof OwnError && error.row.kind === "client";
  return textResponse(isClients ? 400 : 503, errorLineOf(error));
}
