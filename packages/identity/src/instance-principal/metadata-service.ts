/**
 * The only HTTP client of the instance metadata service, which has an instance's region and certificate.
 *
 * Owns the rate limit (one request at a time, a burst of five, then five a second), the choice of address, and retries. It
 * returns a body only with status 200, without interpreting it. It sends only `Authorization: Bearer Oracle`, and never uses a
 * proxy, because the service refuses requests with a `Forwarded` header.
 */

import { ORACLE_LIMITS } from "@ocir-broker/foundation/oracle-limits";
import type { Random } from "@ocir-broker/foundation/random";
import { backOffMs } from "@ocir-broker/foundation/time/back-off";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { createLimiter } from "@ocir-broker/foundation/time/limiter";
import { type SendRequest, UpstreamError, type UpstreamResponse } from "@ocir-broker/foundation/upstream";
import { urlBelow } from "@ocir-broker/foundation/url-below";
import type { IdentityErrorCode } from "../error-codes.ts";
import { IdentityError } from "../identity-error.ts";
import { pause, runLimited } from "./pause.ts";

const TRIES = 4;

/** A hanging service takes the whole time limit of each attempt; the caller must get this error before its own deadline. */
const LAST_TRY_MS = 5_000;

const TRY_AGAIN: ReadonlySet<IdentityErrorCode> = new Set([
  "metadata-throttled",
  "metadata-unavailable",
  "metadata-unreachable",
]);

export type MetadataPath =
  | "/identity/cert.pem"
  | "/identity/intermediate.pem"
  | "/identity/key.pem"
  | "/instance/canonicalRegionName"
  | "/instance/metadata/oke-k8version"
  | "/instance/region"
  | "/instance/regionInfo";

export interface MetadataResponse {
  readonly text: string;
  readonly host: string;
  /** The service's `Date` in epoch milliseconds, if it sent one. */
  readonly serverDateMs: number | undefined;
}

export interface MetadataService {
  /**
   * Reads the bodies of the paths one after another, without other requests in between.
   * @throws {IdentityError} `identity-not-ready`, `aborted` or one of `metadata-*`.
   */
  read<const P extends readonly MetadataPath[]>(
    paths: P,
    signal: AbortSignal,
  ): Promise<{ -readonly [Index in keyof P]: MetadataResponse }>;
}

export interface MetadataServiceOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly send: SendRequest;
  /** Tried in order until one responds, which is then always used. */
  readonly baseUrls: readonly URL[];
}

export function createMetadataService(options: MetadataServiceOptions): MetadataService {
  const { clock, random, send } = options;
  const reads = createLimiter({ clock, concurrency: 1 });
  const requests = createLimiter({ clock, ...ORACLE_LIMITS.metadata });
  let baseUrls = options.baseUrls;

  async function readPatiently(path: MetadataPath, signal: AbortSignal): Promise<MetadataResponse> {
    const lastTryAtMs = clock.monotonicMs() + LAST_TRY_MS;
    for (let attempt = 1; ; attempt++) {
      try {
        return await readOnce(path, signal);
      } catch (error) {
        if (!(error instanceof IdentityError) || !TRY_AGAIN.has(error.code) || attempt === TRIES) throw error;
        const delayMs = backOffMs(attempt, random(), { retryAfterMs: error.retryAfterMs });
        if (clock.monotonicMs() + delayMs > lastTryAtMs) throw error;
        await pause(clock, delayMs, signal);
        if (signal.aborted) throw error;
      }
    }
  }

  async function readOnce(path: MetadataPath, signal: AbortSignal): Promise<MetadataResponse> {
    const failures: UpstreamError[] = [];
    for (const baseUrl of baseUrls) {
      try {
        const url = urlBelow(baseUrl, path);
        const request = { method: "GET", url, headers: { authorization: "Bearer Oracle" }, signal } as const;
        const response = await runLimited(requests, baseUrl.host, signal, () => send(request));
        baseUrls = [baseUrl];
        return responseOf(response, path, baseUrl.host);
      } catch (error) {
        if (!(error instanceof UpstreamError)) throw error;
        if (error.code === "aborted") throw new IdentityError("aborted", baseUrl.host, { cause: error });
        if (error.code === "upstream-response-too-large")
          throw new IdentityError("metadata-invalid", baseUrl.host, { cause: error });
        failures.push(error);
      }
    }
    throw new IdentityError("metadata-unreachable", baseUrls.map((url) => url.host).join(", "), { cause: failures[0] });
  }

  async function read(paths: readonly MetadataPath[], signal: AbortSignal): Promise<MetadataResponse[]> {
    return runLimited(reads, "metadata service", signal, () =>
      Array.fromAsync(paths, (path) => readPatiently(path, signal)),
    );
  }

  return { read: read as MetadataService["read"] };
}

function responseOf(response: UpstreamResponse, path: MetadataPath, host: string): MetadataResponse {
  const { status, body, serverDateMs } = response;
  if (status === 200) return { text: body.toString(), host, serverDateMs };
  throw new IdentityError(codeOf(status, path), host, { response });
}

function codeOf(status: number, path: MetadataPath): IdentityErrorCode {
  if (status === 404) return path.startsWith("/identity/") ? "identity-not-ready" : "metadata-not-found";
  if (status === 429) return "metadata-throttled";
  return status >= 500 ? "metadata-unavailable" : "metadata-refused";
}
