/** Sessions of the controller's own identity: one at a time, renewed at half of its life. */

import type { TokenSessions } from "@ocir-broker/credentials/tokens/registry-token";
import { createSessionRefresh, sessionAfter } from "@ocir-broker/credentials/tokens/session-refresh";
import { RefreshAheadCache } from "@ocir-broker/expiring-cache/refresh-ahead-cache";
import type { Random } from "@ocir-broker/foundation/random";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { IdentityProvider, SigningSession } from "@ocir-broker/identity/identity-provider";

/** The only key of the cache. */
const SESSION = "session";
/** Shorter than the limit of a fetch of tokens, so that the session's own error is reported. */
const WAIT_MS = 12_000;

export function createOwnSessions(
  { session }: Pick<IdentityProvider, "session">,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): TokenSessions {
  const sessions = new RefreshAheadCache<SigningSession>({
    fetch: (_key, { signal }) => session(signal),
    clock,
    random,
  });
  const refresh = createSessionRefresh({ clock, refresh: () => sessions.refresh(SESSION) });
  return {
    live: async () => (await sessions.get(SESSION, { waitMs: WAIT_MS })).entry,
    newerThan: (refused) => sessionAfter(refused, () => sessions.peek(SESSION), refresh),
  };
}
