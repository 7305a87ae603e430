/** The source of tokens that the settings name, with its connections: through the proxy to Oracle's services, never to the cluster. */
import type { TokenWays } from "@ocir-broker/credentials/tokens/registry-token";
import { createSessionRefresh, SESSION, sessionsIn } from "@ocir-broker/credentials/tokens/session-refresh";
import { RENEW_AHEAD } from "@ocir-broker/expiring-cache/cache-policy";
import { ExpiringCache } from "@ocir-broker/expiring-cache/expiring-cache";
import { createDirectDispatcher, createUpstreamDispatcher } from "@ocir-broker/foundation/dispatcher";
import type { Random } from "@ocir-broker/foundation/random";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { readTrustedCertificates } from "@ocir-broker/foundation/trusted-certificates";
import { createSendRequest } from "@ocir-broker/foundation/upstream";
import { createIdentityDomain } from "@ocir-broker/identity/identity-domain/identity-domain";
import type { Sessions, SigningSession, TokenExchange } from "@ocir-broker/identity/identity-provider";
import { createInstancePrincipal } from "@ocir-broker/identity/instance-principal/instance-principal";
import { createOkeTokenExchange } from "@ocir-broker/identity/oke-token-exchange/oke-token-exchange";
import { parseServiceAccountToken } from "@ocir-broker/identity/token-exchange/service-account-token";
import type { ApiServerAccess } from "@ocir-broker/kubernetes/api-server";
import type { Cluster } from "../cluster/cluster.ts";
import type { Settings } from "../settings.ts";
import { createControllerSource, createServiceAccountSource, type TokenSource } from "./token-source.ts";

interface ConfiguredSourceOptions {
  readonly settings: Pick<Settings, "identity" | "proxy">;
  readonly cluster: Pick<Cluster, "requestToken">;
  readonly access: ApiServerAccess;
  readonly clock: Clock;
  readonly random: Random;
  readonly environment: NodeJS.ProcessEnv;
  isRegistry(host: string): boolean;
}

const UPSTREAM_MS = 10_000;
const LIMITS = { connectMs: 5_000, headersMs: UPSTREAM_MS, bodyMs: UPSTREAM_MS, maxConnectionsPerOrigin: 16 };
/** Shorter than the limit of a fetch of tokens, so that the session's own error is reported. */
const SESSION_WAIT_MS = 12_000;
/** OKE's token exchange is at the API server's address, on this port. */
const TOKEN_EXCHANGE_PORT = "12250";

/** @throws {TypeError} for a proxy that is not an http or https URL. */
export function createConfiguredSource(options: ConfiguredSourceOptions): TokenSource {
  const { settings, cluster, access, clock, random, environment, isRegistry } = options;
  const { identity, proxy } = settings;
  const caCertificates = readTrustedCertificates(environment);
  const dispatcher = createUpstreamDispatcher({ ...LIMITS, caCertificates, proxy });
  const send = createSendRequest({ dispatcher, clock, totalMs: UPSTREAM_MS });
  const endpointOf = (host: string) => new URL(`https://${host}`);
  const ways: TokenWays = {
    clock,
    sendTo: () => send,
    registries: { isAllowed: isRegistry, endpointOf },
  };

  if (identity.kind === "service-account") {
    const exchange = identity.exchange.kind === "oke" ? oke() : domain(identity.exchange);
    return createServiceAccountSource({ ways, random, exchange, requestToken: cluster.requestToken });
  }
  const provider = identity.principal === "instance" ? instance() : workload(oke());
  return createControllerSource({ ways, random, sessions: sessionsOf(provider) });

  /** Trusts the cluster alone. */
  function oke(): TokenExchange {
    const endpoint = new URL(access.url);
    endpoint.port = TOKEN_EXCHANGE_PORT;
    const direct = createUpstreamDispatcher({ ...LIMITS, caCertificates: [access.caCertificate] });
    const sendCluster = createSendRequest({ dispatcher: direct, clock, totalMs: UPSTREAM_MS });
    return createOkeTokenExchange({ clock, send: sendCluster, endpoint: () => endpoint });
  }

  function domain({ url, clientId }: { readonly url: string; readonly clientId: string }): TokenExchange {
    return createIdentityDomain({ clock, send, environment, settings: { url, authorization: "client", clientId } });
  }

  function instance() {
    const metadata = createDirectDispatcher({ ...LIMITS, maxConnectionsPerOrigin: 1 });
    const sendMetadata = createSendRequest({ dispatcher: metadata, clock, totalMs: UPSTREAM_MS });
    const context = { clock, environment, random, sendMetadata, sendAuth: send };
    return createInstancePrincipal({ metadata: {}, auth: {} }, context);
  }

  function workload({ exchange }: TokenExchange) {
    return { session: (signal: AbortSignal) => exchange(parseServiceAccountToken(access.token()), signal) };
  }

  /** One session at a time, renewed at half of its life. */
  function sessionsOf({ session }: ReturnType<typeof workload>): Sessions {
    const fetch = (_key: string, { signal }: { signal: AbortSignal }) => session(signal);
    const sessions = new ExpiringCache<SigningSession>({ policy: RENEW_AHEAD, fetch, clock, random });
    const refresh = createSessionRefresh(clock, () => sessions.refresh(SESSION));
    return sessionsIn(sessions, refresh, SESSION_WAIT_MS);
  }
}
