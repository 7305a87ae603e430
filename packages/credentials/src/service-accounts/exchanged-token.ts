/** Gets one registry token for one service-account token. Keeps nothing and knows no configuration, so it needs no cache. */
import type { Expiring } from "@ocir-broker/foundation/expiring";
import type { Secret } from "@ocir-broker/foundation/secret";
import type { SigningSession } from "@ocir-broker/identity/identity-provider";
import { fetchToken, type TokenWays } from "../tokens/registry-token.ts";

export interface ExchangedTokenWays extends TokenWays {
  /** Exchanges the service-account token, or returns the session of an earlier token exchange. */
  session(): Promise<Expiring<SigningSession>>;
  /** The registry refuses this session, so `session` must not return it again. */
  onRefused(session: Expiring<SigningSession>): void;
}

/** Exchanges the token once more if the registry refuses the session. @throws as `fetchToken`, and the errors of the token exchange */
export function fetchExchangedToken(
  registryHost: string,
  ways: ExchangedTokenWays,
  signal: AbortSignal,
): Promise<Expiring<Secret>> {
  const sessions = {
    live: () => ways.session(),
    newerThan(refused: Expiring<SigningSession>) {
      ways.onRefused(refused);
      return ways.session();
    },
  };
  return fetchToken(registryHost, ways, sessions, signal);
}
