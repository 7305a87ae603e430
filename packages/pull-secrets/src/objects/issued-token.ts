/** A registry token with its times, in epoch milliseconds, because they outlive the process in the Secret's annotation. */
import type { Secret } from "@ocir-broker/foundation/secret";

export interface IssuedToken {
  readonly token: Secret;
  readonly fetchedAtMs: number;
  readonly expiresAtMs: number;
  /** When the next token is due. */
  readonly renewAtMs: number;
}

/** Share of the life after which the token is renewed; the other half is for outages. */
const RENEW_AT = 0.5;
/** Share of the life by which the renewal moves either way, so that Secrets of one minute drift apart. */
const RENEW_JITTER = 0.05;

/** @param chance in [0, 1). */
export function renewAtMs(fetchedAtMs: number, expiresAtMs: number, chance: number): number {
  return fetchedAtMs + (expiresAtMs - fetchedAtMs) * (RENEW_AT + RENEW_JITTER * (2 * chance - 1));
}
