/** Sessions of the controller's own identity: one at a time, renewed at half of its life. */

import { createSessionRefresh, SESSION, sessionsIn } from "@ocir-broker/credentials/tokens/session-refresh";
import { RefreshAheadCache } from "@ocir-broker/expiring-cache/refresh-ahead-cache";
import type { Random } from "@ocir-broker/foundation/random";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { IdentityProvider, Sessions, SigningSession } from "@ocir-broker/identity/identity-provider";

/** Shorter than the limit of a fetch of tokens, so that the session's own error is reported. */
const WAIT_MS = 12_000;

export function createOwnSessions(
  { session }: Pick<IdentityProvider, "session">,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Sessions {
  const sessions = new RefreshAheadCache<SigningSession>({
    fetch: (_key, { signal }) => session(signal),
    clock,
    random,
  });
  const refresh = createSessionRefresh({ clock, refresh: () => sessions.refresh(SESSION) });
  return sessionsIn(sessions, refresh, WAIT_MS);
}
