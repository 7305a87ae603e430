/**
 * The credentials socket's routes: `POST /v1/credentials` for the kubelet, `POST /v1/docker-credential` for root's tools.
 *
 * Passes the body on without interpreting it. Counts and logs after the response is written, so that the client does not wait
 * for either.
 */

import type { Decide, Decision } from "@ocir-broker/credentials/pulls/decision";
import { errorLineOf } from "@ocir-broker/errors/describe-error";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { type BoundedServer, createBoundedServer, type RequestHandler } from "@ocir-broker/http-server/bounded-server";
import { errorResponseOf, refusalOf } from "@ocir-broker/http-server/error-response";
import { type HttpResponse, JSON_TYPE, textResponse } from "@ocir-broker/http-server/http-response";
import { CREDENTIALS_ROUTE, DOCKER_CREDENTIAL_ROUTE, MAX_REQUEST_BYTES } from "@ocir-broker/protocol/contract";
import { CREDENTIALS_NOT_FOUND } from "@ocir-broker/protocol/docker-credential";

export interface CredentialsServerOptions {
  readonly clock: Clock;
  readonly decide: Decide;
  readonly decideForDocker: Decide;
  /** Time limit of a response. */
  readonly deadlineMs: number;
  readonly onServed: (decision: Decision, elapsedMs: number) => void;
}

/** A kubelet has a few dozen. Each may hold some kilobytes. */
const PLACES = 1_024;

/** A kubelet's requests arrive whole. */
const MAX_BUFFERED_BYTES = 64 * MAX_REQUEST_BYTES;

/** After the deadline, for a client that stops reading. */
const SILENCE_SLACK_MS = 10_000;

export function createCredentialsServer(options: CredentialsServerOptions): BoundedServer {
  const { clock, onServed, deadlineMs } = options;
  const routes = new Map([
    [CREDENTIALS_ROUTE, options.decide],
    [DOCKER_CREDENTIAL_ROUTE, options.decideForDocker],
  ]);
  const limits = {
    headersMs: 5_000,
    requestMs: 10_000,
    silenceMs: deadlineMs + SILENCE_SLACK_MS,
    maxBodyBytes: MAX_REQUEST_BYTES,
    places: PLACES,
    maxBufferedBytes: MAX_BUFFERED_BYTES,
  };

  const serve: RequestHandler = async ({ method, target, body }, respond) => {
    const decide = routes.get(target);
    if (decide === undefined) return respond(refusalOf("not-found"));
    if (method !== "POST") return respond({ ...refusalOf("method-not-allowed"), allow: "POST" });
    const startedAtMs = clock.monotonicMs();
    const decision = await decide(body);
    respond(responseTo(decision));
    onServed(decision, clock.monotonicMs() - startedAtMs);
  };

  return createBoundedServer(limits, clock, serve);
}

/** The status and body of what was decided. */
function responseTo(decision: Decision): HttpResponse {
  const { outcome, body, error } = decision;
  if (body !== undefined) return { status: 200, contentType: JSON_TYPE, body };
  if (outcome === "error") return errorResponseOf(error);
  // docker's clients read only the first line, and continue without credentials. The helper writes the second to stderr, for people.
  if (outcome === "refused") return textResponse(403, `${CREDENTIALS_NOT_FOUND}\n${errorLineOf(error)}`);
  return textResponse(404, `${CREDENTIALS_NOT_FOUND}\n`);
}
