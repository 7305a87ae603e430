/**
 * The interface of a token exchange: it turns a pod's service-account token into a session of that service account at Oracle. It
 * stores nothing, renews nothing, and judges no token; Oracle does.
 */
import type { Expiring } from "@ocir-broker/foundation/expiring";
import type { Secret } from "@ocir-broker/foundation/secret";
import type { SigningSession } from "../identity-provider.ts";

export interface TokenExchange {
  /** The token is used for this call only. @throws {TokenExchangeError} */
  exchange(token: Secret, signal: AbortSignal): Promise<Expiring<SigningSession>>;
}
