/**
 * The package's main interfaces: an identity provider and a token exchange, for the rest of the broker.
 *
 * An identity provider fetches sessions and knows its home region. It stores and renews no session; the cache does.
 */
import type { KeyObject } from "node:crypto";
import type { Expiring } from "@ocir-broker/foundation/expiring";
import type { Random } from "@ocir-broker/foundation/random";
import type { Secret } from "@ocir-broker/foundation/secret";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { SendRequest } from "@ocir-broker/foundation/upstream";
import type { IdentityErrorCode } from "./error-codes.ts";
import type { RegionInfo } from "./region-info.ts";

/** Signs requests. Immutable: a newer session is built next to it and swapped in. */
export interface SigningSession {
  /** The signature's key id, `ST$<session token>` or `<tenancy>/<user>/<fingerprint>`. Secret, as it may contain a token. */
  readonly keyId: Secret;
  /** RSA. */
  readonly privateKey: KeyObject;
}

/** The sessions of one identity, for a request that a service may refuse. */
export interface Sessions {
  live(): Promise<Expiring<SigningSession>>;
  /** Undefined if there is no newer one than `refused`. */
  newerThan(refused: Expiring<SigningSession>): Promise<Expiring<SigningSession> | undefined>;
}

export interface IdentityProvider {
  /** The error if a registry refuses the session (401) and then a new one too. Default: the registry's error. */
  readonly refusedAs?: IdentityErrorCode;
  /** @throws {IdentityError} */
  region(signal: AbortSignal): Promise<RegionInfo>;
  /** Returns a complete, new session, or throws and changes nothing. @throws {IdentityError} */
  session(signal: AbortSignal): Promise<Expiring<SigningSession>>;
  /** Undefined: no state is kept, because the files may name a different identity after a restart. */
  readonly handover?: IdentityHandover;
}

/**
 * Turns a pod's service-account token into a session of that service account at Oracle. It stores nothing, renews nothing, and judges
 * no token; Oracle does.
 */
export interface TokenExchange {
  /** The token is used for this call only. @throws {TokenExchangeError} */
  exchange(token: Secret, signal: AbortSignal): Promise<Expiring<SigningSession>>;
}

/** How an identity continues in the next process on this node. */
interface IdentityHandover {
  /** The services that sessions come from, as text. State from a different source is not used. */
  readonly source: string;
  /** Plain values, which are as secret as the session. */
  encodeSession(session: SigningSession): unknown;
  /** Undefined if `encoded` is not a session. */
  decodeSession(encoded: unknown): SigningSession | undefined;
}

/** Passed to every identity provider in addition to its settings. */
export interface IdentityProviderContext {
  readonly clock: Clock;
  /** Names of Oracle's command line and SDKs, for the identity providers that read them. */
  readonly environment: NodeJS.ProcessEnv;
  /** For the jitter of back-off. */
  readonly random: Random;
  /** Must not go through a proxy. */
  readonly sendMetadata: SendRequest;
  readonly sendAuth: SendRequest;
}
