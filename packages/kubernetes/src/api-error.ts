/** Errors of requests to the API server. */
import { STATUS_CODES } from "node:http";
import { ApiException } from "@kubernetes/client-node";

/** Whether another client has changed the object first. */
export function isConflict(error: unknown): boolean {
  return error instanceof ApiException && error.code === 409;
}

/** One line for the log. Never contains a request, because that holds the token. */
export function describeRefusal(error: unknown): string {
  if (error instanceof ApiException) return `the API server answers ${error.code}: ${messageOf(error)}`;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return `the API server does not answer: ${cause instanceof Error ? cause.message : cause}`;
}

/** The client drops the text of some responses, such as a 401. */
function messageOf({ code, body }: ApiException<unknown>): string {
  try {
    return String(JSON.parse(String(body)).message);
  } catch {
    return STATUS_CODES[code] ?? "unknown status";
  }
}
