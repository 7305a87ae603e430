/**
 * The credentials socket's routes: `POST /v1/credentials` for the kubelet, `POST /v1/docker-credential` for root's tools.
 *
 * Passes the body on without interpreting it. Counts and logs after the response is written, so that the client does not wait
 * for either.
 */

import type { AnswerCredentials, CredentialsResponse } from "@ocir-broker/credentials/pulls/kubelet-credentials";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { type BoundedServer, createBoundedServer, type RequestHandler } from "@ocir-broker/http-server/bounded-server";
import { errorResponse } from "@ocir-broker/http-server/error-response";
import { CREDENTIALS_ROUTE, DOCKER_CREDENTIAL_ROUTE, MAX_REQUEST_BYTES } from "@ocir-broker/protocol/contract";

export interface CredentialsServerOptions {
  readonly clock: Clock;
  readonly answer: AnswerCredentials;
  readonly answerDockerCredential: AnswerCredentials;
  /** Time limit of a response. */
  readonly deadlineMs: number;
  readonly onServed: (response: CredentialsResponse, elapsedMs: number) => void;
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
    [CREDENTIALS_ROUTE, options.answer],
    [DOCKER_CREDENTIAL_ROUTE, options.answerDockerCredential],
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
    const answer = routes.get(target);
    if (answer === undefined) return respond(errorResponse("not-found"));
    if (method !== "POST") return respond({ ...errorResponse("method-not-allowed"), allow: "POST" });
    const startedAtMs = clock.monotonicMs();
    const result = await answer(body);
    respond(result);
    onServed(result, clock.monotonicMs() - startedAtMs);
  };

  return createBoundedServer(limits, clock, serve);
}
