/**
 * The registry's token endpoint: `GET /20180419/docker/token`, signed, answered with a bearer token. It is GetAccessToken of
 * Oracle's "Container Registry API" 20180419, which documents the statuses 200, 400, 401, 429 and 500, and 1 to 32 768 characters
 * for a token: https://docs.oracle.com/iaas/api/#/en/container-registry/20180419/AccessToken/GetAccessToken
 *
 * Sends one request and classifies its response. It never retries, never follows a redirect, and refuses a token that is anonymous
 * or has no known lifetime.
 */
import type { Expiring } from "@ocir-broker/foundation/expiring";
import { Secret } from "@ocir-broker/foundation/secret";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { isSkewed } from "@ocir-broker/foundation/time/clock-skew";
import { type SendRequest, UpstreamError, type UpstreamResponse } from "@ocir-broker/foundation/upstream";
import { parseTokenResponse } from "./bearer-token.ts";
import { OcirError } from "./ocir-error.ts";

type SignRequest = (request: { readonly method: "GET"; readonly url: URL }) => Promise<Record<string, string>>;

export interface TokenEndpointOptions {
  readonly send: SendRequest;
  readonly sign: SignRequest;
  readonly clock: Clock;
  /** Base URL: `https://<registry host>` unless the configuration has another. */
  readonly endpoint: URL;
}

const TOKEN_PATH = "/20180419/docker/token";

/**
 * The token's life starts when the request is sent, on the monotonic clock, so that neither a slow response nor a wrong wall clock
 * makes it too long.
 *
 * @throws {OcirError} for any response that is not a usable token
 * @throws {UpstreamError} without a complete response; also throws the errors of `sign`
 */
export async function fetchBearerToken(
  registryHost: string,
  options: TokenEndpointOptions,
  signal: AbortSignal,
): Promise<Expiring<Secret>> {
  const { send, sign, clock, endpoint } = options;
  const url = new URL(TOKEN_PATH, endpoint);
  const headers = { accept: "application/json", ...(await sign({ method: "GET", url })) };
  const response = await receive(send({ method: "GET", url, headers, signal }), registryHost);
  if (response.status !== 200) throw refusalOf(registryHost, response, clock.wallMs());

  // Ignores the content type, which Oracle does not document: parsing shows if it is not a token in JSON.
  const parsed = parseTokenResponse(response.body, response.serverDateMs ?? clock.wallMs());
  if (parsed === undefined) throw new OcirError("registry-response-invalid", registryHost, { response });
  if (parsed.lifeMs <= 0) throw new OcirError("token-expired", registryHost);
  if (parsed.isAnonymous) throw new OcirError("token-anonymous", registryHost);
  return {
    value: new Secret(parsed.token),
    obtainedAtMs: response.sentAtMs,
    expiresAtMs: response.sentAtMs + parsed.lifeMs,
  };
}

/** Treats a body that is too long as an invalid response. */
async function receive(sent: Promise<UpstreamResponse>, registryHost: string): Promise<UpstreamResponse> {
  try {
    return await sent;
  } catch (error) {
    if (!(error instanceof UpstreamError && error.code === "upstream-response-too-large")) throw error;
    throw new OcirError("registry-response-invalid", registryHost);
  }
}

/** 404 is OCI's NotAuthorizedOrNotFound. */
function refusalOf(registryHost: string, response: UpstreamResponse, wallMs: number): OcirError {
  const { status, serverDateMs } = response;
  if (status === 401) {
    return serverDateMs !== undefined && isSkewed(serverDateMs, wallMs)
      ? new OcirError("clock-skew", registryHost, { response, subject: describeSkew(wallMs - serverDateMs) })
      : new OcirError("registry-unauthorized", registryHost, { response });
  }
  if (status === 400) return new OcirError("registry-refused", registryHost, { response });
  if (status === 403 || status === 404) return new OcirError("registry-forbidden", registryHost, { response });
  if (status === 429) return new OcirError("registry-throttled", registryHost, { response });
  if (status >= 500) return new OcirError("registry-unavailable", registryHost, { response });
  if (status >= 300 && status < 400) return new OcirError("registry-redirected", registryHost, { response });
  return new OcirError("registry-status-unexpected", registryHost, { response });
}

function describeSkew(aheadMs: number): string {
  return `${Math.round(Math.abs(aheadMs) / 1_000)} s ${aheadMs > 0 ? "ahead" : "behind"}`;
}
