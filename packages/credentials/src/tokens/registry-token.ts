/** Fetches a registry token with a request that a session signs; every cache of tokens does so. */

import { BrokerError } from "@ocir-broker/errors/broker-error";
import type { Expiring } from "@ocir-broker/foundation/expiring";
import type { Secret } from "@ocir-broker/foundation/secret";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { SendRequest } from "@ocir-broker/foundation/upstream";
import type { Sessions, SigningSession } from "@ocir-broker/identity/identity-provider";
import { OcirError } from "@ocir-broker/ocir/ocir-error";
import { fetchBearerToken } from "@ocir-broker/ocir/token-endpoint";
import type { Registries } from "./registries.ts";

/** Time limit of a fetch, which for a token may include a session's; a longer request deadline raises it. */
export const FETCH_LIMIT_MS = 15_000;

/** Part of a fetch's and a request's limit that is reserved, so that the error of region or session is reported, not a timeout. */
export const SLACK_MS = 1_000;

export interface TokenWays {
  readonly clock: Clock;
  readonly sendTo: (registryHost: string) => SendRequest;
  readonly registries: Registries;
}

/**
 * Fetches a registry token with the live session and, if the registry refuses that, once with a newer one. All caches of tokens fetch
 * here, so no caller can leave out the check of the host: a foreign one gets no request.
 *
 * @throws {BrokerError} `registry-foreign`, and the errors of home region, session and registry.
 */
export async function fetchToken(
  registryHost: string,
  { clock, sendTo, registries }: TokenWays,
  sessions: Sessions,
  signal: AbortSignal,
): Promise<Expiring<Secret>> {
  if (!(await registries.isAllowed(registryHost, FETCH_LIMIT_MS - SLACK_MS)))
    throw new BrokerError("registry-foreign", `${registryHost} gets no token`);

  async function fetchWith({ value: session }: Expiring<SigningSession>): Promise<Expiring<Secret>> {
    const { signWithSession } = await import("@ocir-broker/identity/oci-sdk/oci-sdk");
    const sign = (request: { method: "GET"; url: URL }) => signWithSession(session, request, clock.wallMs());
    const ways = { send: sendTo(registryHost), sign, clock, endpoint: registries.endpointOf(registryHost) };
    return fetchBearerToken(registryHost, ways, signal);
  }

  const live = await sessions.live();
  try {
    return await fetchWith(live);
  } catch (error) {
    const newer = isUnauthorized(error) ? await sessions.newerThan(live) : undefined;
    if (newer === undefined) throw error;
    return fetchWith(newer);
  }
}

export function isUnauthorized(error: unknown): boolean {
  return error instanceof OcirError && error.code === "registry-unauthorized";
}
