/** Wires service accounts: the token exchange, the cluster's keys, the tokens, and whose token a pull gets. */

import { durationMs } from "@ocir-broker/config/duration";
import type { Config } from "@ocir-broker/config/schema";
import type { ExpiringCache } from "@ocir-broker/expiring-cache/expiring-cache";
import type { SendRequest } from "@ocir-broker/foundation/upstream";
import { createIdentityDomain } from "@ocir-broker/identity/identity-domain/identity-domain";
import type { SigningSession, TokenExchange } from "@ocir-broker/identity/identity-provider";
import { createOkeTokenExchange } from "@ocir-broker/identity/oke-token-exchange/oke-token-exchange";
import { createIssuerKeys } from "@ocir-broker/identity/token-exchange/issuer-keys";
import { type RefreshSession, sessionsIn } from "../tokens/session-refresh.ts";
import { type ClusterOptions, createClusterConnection } from "./cluster.ts";
import { createPullTokens, type PullTokensOptions } from "./pull-tokens.ts";
import { createServiceAccountCache, type ServiceAccountCacheOptions } from "./service-account-cache.ts";

export interface ServiceAccountsOptions
  extends ClusterOptions,
    Pick<PullTokensOptions, "tokens">,
    Pick<ServiceAccountCacheOptions, "random" | "sendTo" | "registries" | "onSession" | "onToken"> {
  readonly config: ClusterOptions["config"] & Pick<Config, "identityDomain">;
  readonly environment: NodeJS.ProcessEnv;
  /** The node's own session, which may authorise a token exchange at an identity domain. */
  readonly sessions: Pick<ExpiringCache<SigningSession>, "get" | "peek">;
  readonly refreshSession: RefreshSession;
  /** To the identity domain, through the proxy if there is one. */
  readonly sendDomain: SendRequest;
  /** Wraps the sender to the cluster, to observe it. */
  readonly observe?: (send: SendRequest) => SendRequest;
}

/** As long as a token exchange may take. */
const NODE_SESSION_WAIT_MS = 12_000;

export function createServiceAccounts(options: ServiceAccountsOptions) {
  const { config, clock, observe = (send: SendRequest) => send } = options;
  const settings = config.serviceAccounts;
  const { tokenExchange, audience, longestTokenLife } = settings;
  if (tokenExchange === "none") {
    const pullTokens = createPullTokens({ ...options, settings, serviceAccounts: undefined });
    return { pullTokens, serviceAccountCount: () => undefined, close: () => Promise.resolve() };
  }
  const cluster = createClusterConnection(options);
  const { apiServer, endpoint } = cluster;
  const send = observe(cluster.send);
  const serviceAccounts = createServiceAccountCache({
    ...options,
    exchange: tokenExchange === "oke" ? createOkeTokenExchange({ clock, send, endpoint }) : domainOf(options),
    keys: createIssuerKeys({ clock, send, apiServer }),
    audience,
    longestTokenLifeMs: durationMs(longestTokenLife),
  });
  return {
    pullTokens: createPullTokens({ ...options, settings, serviceAccounts }),
    /** Service accounts with a session; undefined if `serviceAccounts.tokenExchange` is `none`. */
    serviceAccountCount: (): number | undefined => serviceAccounts.size,
    async close(): Promise<void> {
      serviceAccounts.close();
      await cluster.close();
    },
  };
}

function domainOf(options: ServiceAccountsOptions): TokenExchange {
  const { config, sendDomain, sessions, refreshSession } = options;
  const nodeSessions = sessionsIn(sessions, refreshSession, NODE_SESSION_WAIT_MS);
  return createIdentityDomain({ ...options, send: sendDomain, settings: config.identityDomain, nodeSessions });
}
