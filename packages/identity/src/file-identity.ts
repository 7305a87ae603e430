/** Identity providers that read files, which may change while the broker runs. */
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { IdentityError } from "./identity-error.ts";
import type { IdentityProvider, SigningSession } from "./identity-provider.ts";
import type { RegionInfo } from "./region-info.ts";

/** The cache renews at half of this life, so an edited file takes effect within minutes. */
const READ_LIFE_MS = 600_000;

export interface ReadSession {
  readonly session: SigningSession;
  /** Tenancy and principal, which must stay the same. */
  readonly identity: string;
  /** For errors: the setting that names the identity. */
  readonly place: string;
  /** The identity's own end, in epoch milliseconds. */
  readonly endsAtWallMs?: number;
}

export interface FileIdentity extends Pick<IdentityProvider, "refusedAs"> {
  region(): Promise<RegionInfo>;
  read(): Promise<ReadSession>;
}

/**
 * Remembers the first identity and refuses a different one with `identity-changed`, because tokens of two identities must not mix.
 * Nothing is handed over to the next process.
 */
export function createFileIdentity(clock: Clock, { read, ...provider }: FileIdentity): IdentityProvider {
  let known: string | undefined;
  return {
    ...provider,
    async session() {
      const { session, identity, place, endsAtWallMs = Infinity } = await read();
      known ??= identity;
      if (identity !== known) throw new IdentityError("identity-changed", place);
      const obtainedAtMs = clock.monotonicMs();
      const lifeMs = Math.min(READ_LIFE_MS, endsAtWallMs - clock.wallMs());
      return { value: session, obtainedAtMs, expiresAtMs: obtainedAtMs + lifeMs };
    },
  };
}
