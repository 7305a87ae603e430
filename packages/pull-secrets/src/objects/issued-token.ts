/** A registry token with its times, in epoch milliseconds, because they outlive the process in the Secret's annotation. */
import type { Secret } from "@ocir-broker/foundation/secret";

export interface IssuedToken {
  readonly token: Secret;
  readonly fetchedAtMs: number;
  readonly expiresAtMs: number;
  /** When the next token is due. */
  readonly refreshAtMs: number;
}

/** Share of the life after which the token is refreshed; the other half is for outages. */
const REFRESH_AT = 0.5;
/** Share of that half by which the refresh moves either way, so that Secrets of one minute drift apart. */
const REFRESH_JITTER = 0.1;

/** @param chance in [0, 1). */
export function refreshAtMs(fetchedAtMs: number, expiresAtMs: number, chance: number): number {
  return fetchedAtMs + (expiresAtMs - fetchedAtMs) * REFRESH_AT * (1 + REFRESH_JITTER * (2 * chance - 1));
}
