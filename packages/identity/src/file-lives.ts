/** Rules for identities that come from files: how long a read value is used, and that the identity does not change. */
import type { Clock, Expiring } from "@ocir-broker/foundation";
import { IdentityError } from "./identity-error.ts";
import type { SigningSession } from "./provider.ts";

/** The cache renews at half of this life, so an edited file takes effect within minutes. */
const READ_LIFE_MS = 600_000;

/** @param endsAtWallMs the expiry of the identity itself. */
export function readNow(
  value: SigningSession,
  clock: Clock,
  endsAtWallMs = Number.POSITIVE_INFINITY,
): Expiring<SigningSession> {
  const obtainedAtMs = clock.monotonicMs();
  const lifeMs = Math.min(READ_LIFE_MS, endsAtWallMs - clock.wallMs());
  return { value, obtainedAtMs, expiresAtMs: obtainedAtMs + lifeMs };
}

/**
 * Remembers the first identity and refuses a different one: the files may change while the broker runs, and tokens of two identities
 * must not mix. @throws {IdentityError} `identity-changed`
 */
export function createSameIdentity(): (identity: string, place: string) => void {
  let known: string | undefined;
  return (identity, place) => {
    known ??= identity;
    if (identity !== known) throw new IdentityError("identity-changed", place);
  };
}
