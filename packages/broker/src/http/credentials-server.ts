/**
 * The credentials socket's routes: `POST /v1/credentials` for the kubelet, `POST /v1/docker-credential` for root's tools.
 *
 * Reads the body up to its limit and passes it on without interpreting it. Counts and logs after the answer is written, so
 * that the client does not wait for either.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "@ocir-broker/foundation";
import { CREDENTIALS_ROUTE, DOCKER_CREDENTIAL_ROUTE, MAX_REQUEST_BYTES } from "@ocir-broker/protocol";
import { errorAnswer } from "../errors/error-response.ts";
import { CLOSE, writeAnswer } from "../errors/response.ts";
import type { AnswerCredentials, CredentialsAnswer } from "../pulls/kubelet-request.ts";
import { type BoundedServer, createBoundedServer } from "./bounded-server.ts";

export interface CredentialsServerOptions {
  readonly clock: Clock;
  readonly answer: AnswerCredentials;
  /** Without it the route does not exist: the fallback broker serves only the kubelet. */
  readonly answerDockerCredential?: AnswerCredentials;
  /** Time limit of an answer. */
  readonly deadlineMs: number;
  readonly onServed: (answer: CredentialsAnswer, elapsedMs: number) => void;
}

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
    // The shim sends one request; only other clients keep a connection open.
    keepAliveMs: 5_000,
    maxConnections: 0,
  };

  async function serve(answer: AnswerCredentials, body: Buffer, response: ServerResponse): Promise<void> {
    const startedAtMs = clock.monotonicMs();
    const result = await answer(body);
    writeAnswer(response, result);
    onServed(result, clock.monotonicMs() - startedAtMs);
  }

  return createBoundedServer(limits, clock, (request, response) => {
    const answer = routes.get(request.url ?? "");
    if (answer === undefined) return writeAnswer(response, errorAnswer("not-found"), CLOSE);
    if (request.method !== "POST")
      return writeAnswer(response, errorAnswer("method-not-allowed"), [...CLOSE, "Allow", "POST"]);
    readBody(request, (body) => {
      if (body === undefined) writeAnswer(response, errorAnswer("body-too-large"), CLOSE);
      else void serve(answer, body, response);
    });
  });
}

/** Calls back once: with the whole body, or with undefined as soon as it is too large. */
function readBody(request: IncomingMessage, done: (body: Buffer | undefined) => void): void {
  const pieces: Buffer[] = [];
  let bytes = 0;
  request.on("data", (piece: Buffer) => {
    bytes += piece.length;
    pieces.push(piece);
    if (bytes <= MAX_REQUEST_BYTES) return;
    request.removeAllListeners("data").removeAllListeners("end").resume();
    done(undefined);
  });
  request.on("end", () => done(pieces.length === 1 ? pieces[0] : Buffer.concat(pieces)));
}
