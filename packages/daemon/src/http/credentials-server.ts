/**
 * The credentials socket's routes: `POST /v1/credentials` for the kubelet, `POST /v1/docker-credential` for root's tools.
 *
 * Passes the body on without interpreting it. Counts and logs after the response is written, so that the client does not wait
 * for either.
 */

import type { Decide, Decision } from "@ocir-broker/credentials/pulls/decision";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { type BoundedServer, createBoundedServer, type RequestHandler } from "@ocir-broker/http-server/bounded-server";
import { refusalOf } from "@ocir-broker/http-server/error-response";
import { CREDENTIALS_ROUTE, DOCKER_CREDENTIAL_ROUTE, MAX_REQUEST_BYTES } from "@ocir-broker/protocol/contract";
import { responseTo } from "./decision-response.ts";

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
