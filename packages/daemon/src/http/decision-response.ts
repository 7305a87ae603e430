/** Turns what was decided about a request for credentials into status and body. */
import type { Decision } from "@ocir-broker/credentials/pulls/decision";
import { errorLineOf } from "@ocir-broker/errors/describe-error";
import { errorResponseOf } from "@ocir-broker/http-server/error-response";
import { type HttpResponse, JSON_TYPE, textResponse } from "@ocir-broker/http-server/http-response";
import { CREDENTIALS_NOT_FOUND } from "@ocir-broker/protocol/docker-credential";

export function responseTo(decision: Decision): HttpResponse {
  const { outcome, body, error } = decision;
  if (body !== undefined) return { status: 200, contentType: JSON_TYPE, body };
  if (outcome === "error") return errorResponseOf(error);
  // docker's clients read only the first line, and continue without credentials. The helper writes the second to stderr, for people.
  if (outcome === "refused") return textResponse(403, `${CREDENTIALS_NOT_FOUND}\n${errorLineOf(error)}`);
  return textResponse(404, `${CREDENTIALS_NOT_FOUND}\n`);
}
