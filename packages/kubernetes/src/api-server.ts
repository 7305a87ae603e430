/**
 * Requests to the API server, in JSON, over kept connections. Trusts the cluster's certificate authority alone. Never retries.
 */
import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { createUpstreamDispatcher } from "@ocir-broker/foundation/dispatcher";
import { parseJson } from "@ocir-broker/foundation/parse-json";
import { retryAfterMsOf } from "@ocir-broker/foundation/retry-after";
import { readBounded } from "@ocir-broker/foundation/upstream";
import { request } from "undici";
import { ApiError, NoResponseError, ResponseTooLargeError } from "./api-error.ts";

export interface ApiServerAccess {
  readonly url: URL;
  /** PEM. */
  readonly caCertificate: string;
  /** Read for each request, because the kubelet replaces it. */
  token(): string;
}

export interface ApiRequest {
  readonly method: "GET" | "PATCH" | "POST";
  /** The path with its query. */
  readonly path: string;
  readonly body?: object;
  /** The kind of a PATCH. Default: a merge patch. */
  readonly patch?: "apply" | "merge";
  /** Of the response. Default: 4 MiB. */
  readonly maxBytes?: number;
  readonly signal: AbortSignal;
}

const CONTENT_TYPES = {
  apply: "application/apply-patch+yaml",
  merge: "application/merge-patch+json",
  none: "application/json",
} as const;

/**
 * @throws {ApiError} for another status than 2xx, NoResponseError without a response, ResponseTooLargeError, SyntaxError if it is not
 *   JSON.
 */
export interface ApiServer {
  send(request: ApiRequest): Promise<unknown>;
  /** The lines of a watch until it ends, empty above 256 KiB. Ends also if nothing arrives for longer than `silenceMs`. */
  watch(path: string, silenceMs: number, signal: AbortSignal): AsyncIterable<Buffer>;
  close(): Promise<void>;
}

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";
const CONNECT_MS = 5_000;
/** Longer than any request's own time limit. */
const RESPONSE_MS = 30_000;
/** Each watch keeps one, and the controller of pull secrets has two watches for each name. */
const MAX_CONNECTIONS = 2_048;
/** Larger than any object of ours: an object in etcd has 1.5 MiB, and six times as much in JSON, if all of it is escaped. */
const MAX_OBJECT_BYTES = 4 * 1024 * 1024;
/** Ours have 220 kB, if 16 tokens have 4 096 characters each. A tenant's JSON takes up to twenty times as much when it is parsed. */
const MAX_LINE_BYTES = 256 * 1024;

/**
 * The access of a pod.
 *
 * @param root the path of the pod's root folder, if the program sees it under another one.
 * @throws the system's error if a file is missing, TypeError outside of a cluster
 */
export function podAccess(environment: NodeJS.ProcessEnv, root = ""): ApiServerAccess {
  const { KUBERNETES_SERVICE_HOST: host = "", KUBERNETES_SERVICE_PORT: port = "443" } = environment;
  const folder = `${root}${SERVICE_ACCOUNT}`;
  return {
    url: new URL(`https://${isIPv6(host) ? `[${host}]` : host}:${port}`),
    caCertificate: readFileSync(`${folder}/ca.crt`, "utf8"),
    token: () => readFileSync(`${folder}/token`, "utf8").trim(),
  };
}

export function createApiServer({ url, caCertificate, token }: ApiServerAccess): ApiServer {
  const dispatcher = createUpstreamDispatcher({
    connectMs: CONNECT_MS,
    headersMs: RESPONSE_MS,
    bodyMs: RESPONSE_MS,
    maxConnectionsPerOrigin: MAX_CONNECTIONS,
    caCertificates: [caCertificate],
  });
  const headers = () => ({ authorization: `Bearer ${token()}`, accept: "application/json" });

  return {
    async send({ method, path, body, patch = "merge", maxBytes = MAX_OBJECT_BYTES, signal }) {
      const contentType = CONTENT_TYPES[method === "PATCH" ? patch : "none"];
      const response = await request(new URL(path, url), {
        dispatcher,
        method,
        headers: { ...headers(), ...(body !== undefined && { "content-type": contentType }) },
        body: body === undefined ? null : JSON.stringify(body),
        signal,
      }).catch(noResponse);
      const received = await readBounded(response.body, maxBytes).catch(noResponse);
      if (received === undefined) throw new ResponseTooLargeError(maxBytes);
      const text = received.toString();
      if (response.statusCode >= 300) throw errorOf(response.statusCode, text, response.headers);
      return decode(text);
    },
    async *watch(path, silenceMs, signal) {
      const response = await request(new URL(path, url), {
        dispatcher,
        headers: headers(),
        bodyTimeout: silenceMs,
        signal,
      }).catch(noResponse);
      if (response.statusCode >= 300)
        throw errorOf(response.statusCode, await response.body.text().catch(noResponse), response.headers);
      // If the caller leaves early, nobody listens any more: an error of the connection would end the program.
      response.body.on("error", () => {});
      try {
        yield* linesOf(response.body, MAX_LINE_BYTES);
      } catch (error) {
        throw new NoResponseError(error);
      } finally {
        response.body.destroy();
      }
    },
    close: () => dispatcher.destroy(),
  };
}

function noResponse(error: unknown): never {
  throw new NoResponseError(error);
}

export function decode(text: string): unknown {
  const value = parseJson(text);
  if (value === undefined) throw new SyntaxError("the API server's response is not JSON");
  return value;
}

function errorOf(status: number, body: string, headers: Record<string, string | string[] | undefined>): ApiError {
  const known = { headers: { "retry-after": String(headers["retry-after"] ?? "") }, serverDateMs: undefined };
  return new ApiError(status, body, retryAfterMsOf(known));
}

/**
 * Yields the lines of a body; an empty one for a line of more than `maxBytes`, which is dropped as it arrives. Not `node:readline`,
 * which does not limit lines, and reads ahead without demand.
 */
async function* linesOf(body: AsyncIterable<Buffer>, maxBytes: number): AsyncIterable<Buffer> {
  let pieces: Buffer[] = [];
  let bytes = 0;
  const add = (piece: Buffer): void => {
    bytes += piece.length;
    if (bytes <= maxBytes) pieces.push(piece);
    else pieces = [];
  };
  for await (const chunk of body) {
    let start = 0;
    for (let end = chunk.indexOf("\n"); end !== -1; end = chunk.indexOf("\n", start)) {
      add(chunk.subarray(start, end));
      const line = Buffer.concat(pieces);
      [pieces, bytes] = [[], 0];
      start = end + 1;
      yield line;
    }
    add(chunk.subarray(start));
  }
}
