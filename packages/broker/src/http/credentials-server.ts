/**
 * The credentials socket's routes: `POST /v1/credentials` for the kubelet, `POST /v1/docker-credential` for root's tools.
 *
 * Reads the body up to its cap and hands it over; what it means is decided where it is answered. Counts and logs
 * after the answer is written, so that neither costs the one who waits.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "@ocir-broker/foundation";
import { CREDENTIALS_ROUTE, DOCKER_CREDENTIAL_ROUTE, MAX_REQUEST_BYTES } from "@ocir-broker/protocol";
import { errorAnswer } from "../errors/error-response.ts";
import { writeAnswer } from "../errors/response.ts";
import type { AnswerCredentials, CredentialsAnswer } from "../pulls/kubelet-request.ts";
import { type BoundedServer, createBoundedServer } from "./bounded-server.ts";

export interface CredentialsServerOptions {
  readonly clock: Clock;
  readonly answer: AnswerCredentials;
  /** If absent, the route does not exist: the fallback broker serves only the kubelet. */
  readonly answerDockerCredential?: AnswerCredentials;
  /** Longest that an answer may take, in milliseconds. */
  readonly deadlineMs: number;
  readonly onServed: (answer: CredentialsAnswer, elapsedMs: number) => void;
}

/** Beyond the deadline: for a reader that stops reading. */
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
    // The shim asks once and goes; a connection that stays is somebody's curl.
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

/** After an answer that came before the body was read, the rest of the body must not be taken for a request. */
const CLOSE = ["Connection", "close"] as const;

/** Calls back once: with the whole body, or with nothing as soon as it is known to be too large. */
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
