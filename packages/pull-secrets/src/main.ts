/** The controller's program, for a pod. It runs until SIGTERM; two replicas take turns by a Lease. */
import type { TokenWays } from "@ocir-broker/credentials/tokens/registry-token";
import { createDirectDispatcher, createUpstreamDispatcher } from "@ocir-broker/foundation/dispatcher";
import { systemRandom } from "@ocir-broker/foundation/random";
import { type Clock, createSystemClock } from "@ocir-broker/foundation/time/clock";
import { readTrustedCertificates } from "@ocir-broker/foundation/trusted-certificates";
import { createSendRequest } from "@ocir-broker/foundation/upstream";
import { createIdentityDomain } from "@ocir-broker/identity/identity-domain/identity-domain";
import { createIdentityProvider } from "@ocir-broker/identity/identity-providers";
import { createOkeTokenExchange } from "@ocir-broker/identity/oke-token-exchange/oke-token-exchange";
import { knownRealmDomains } from "@ocir-broker/identity/realm-domains";
import { parseServiceAccountToken } from "@ocir-broker/identity/token-exchange/service-account-token";
import type { TokenExchange } from "@ocir-broker/identity/token-exchange/token-exchange";
import { type ApiServerAccess, createApiServer, podAccess } from "@ocir-broker/kubernetes/api-server";
import { createLease } from "@ocir-broker/kubernetes/lease";
import { createLeaseRequests } from "@ocir-broker/kubernetes/lease-requests";
import { createHostRules } from "@ocir-broker/ocir/host-rules";
import { type Cluster, createCluster } from "./cluster/cluster.ts";
import { LEASE_SECONDS, lead } from "./cluster/leadership.ts";
import { watchCluster } from "./cluster/watched-cluster.ts";
import { runController } from "./controller.ts";
import { policyOf } from "./decision/policy.ts";
import { startHttpServer } from "./http-server.ts";
import { createMetrics } from "./metrics.ts";
import type { PullSecret } from "./objects/pull-secret.ts";
import { parseSettings, type Settings } from "./settings.ts";
import { createOwnSessions } from "./tokens/own-sessions.ts";
import { createControllerSource, createServiceAccountSource, type TokenSource } from "./tokens/token-source.ts";

/** The name that the chart gives it. */
const LEASE = "ocir-pull-secrets";
const PORT = 8_080;
/** Shorter than what is left of a Lease that is given up, so that nothing is written after it. */
const REQUEST_MS = 4_000;
/** Of all requests for a resource's tokens. */
const FETCH_MS = 15_000;
const UPSTREAM_MS = 10_000;
const CONNECT_MS = 5_000;
const MAX_CONNECTIONS = 16;
/** On OKE, at the address of the API server. */
const TOKEN_EXCHANGE_PORT = "12250";

main().catch((error: unknown) => {
  process.stdout.write(`ocir-pull-secrets: ${error instanceof Error ? error.message : error}\n`);
  process.exit(2);
});

async function main(): Promise<void> {
  const settings = parseSettings(process.env);
  const access = podAccess(process.env);
  const clock = createSystemClock();
  const wallMs = () => clock.wallMs();
  const say = (text: string) => void process.stdout.write(`${new Date(wallMs()).toISOString()} ${text}\n`);
  const ending = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"]) process.on(name, () => ending.abort());

  const api = createApiServer(access);
  const deadline = () => AbortSignal.timeout(REQUEST_MS);
  const audience = audienceOf(settings);
  const cluster = createCluster({ api, audience, pod: settings.pod, wallMs, deadline });
  const lease = createLease({
    requests: createLeaseRequests(api, { namespace: settings.namespace, name: LEASE }, deadline),
    identity: settings.pod,
    leaseSeconds: LEASE_SECONDS,
    nowSeconds: () => clock.monotonicMs() / 1_000,
    wallMs,
    say,
  });
  const isRegistry = createHostRules({ realmDomains: knownRealmDomains(), extraHosts: [] });
  const metrics = createMetrics(clock);
  const watched = watchCluster({ api, clock, names: settings.names, signal: ending.signal, say });
  const options = {
    ...{ watched, cluster, clock, metrics, say },
    source: createSource(settings, cluster, access, clock, isRegistry),
    rules: {
      names: settings.names,
      identity: settings.identity,
      isRegistry,
      policyOf: (resource: PullSecret) => policyOf(settings, resource),
    },
    random: systemRandom,
    fetchDeadline: () => AbortSignal.timeout(FETCH_MS),
  };
  const server = await startHttpServer(PORT, metrics.render);
  const work = async (signal: AbortSignal): Promise<void> => {
    metrics.leads(true);
    await runController(options, signal).finally(() => metrics.leads(false));
  };
  await lead({ lease, clock, work, say }, ending.signal);
  server.close();
  process.exit();
}

function audienceOf({ identity }: Settings): string | undefined {
  if (identity.kind === "controller" || identity.exchange.kind === "oke") return undefined;
  return identity.exchange.audience;
}

function createSource(
  { identity }: Settings,
  { requestToken }: Cluster,
  access: ApiServerAccess,
  clock: Clock,
  isRegistry: (host: string) => boolean,
): TokenSource {
  const limits = {
    connectMs: CONNECT_MS,
    headersMs: UPSTREAM_MS,
    bodyMs: UPSTREAM_MS,
    maxConnectionsPerOrigin: MAX_CONNECTIONS,
  };
  const sender = (caCertificates: readonly string[]) =>
    createSendRequest({
      dispatcher: createUpstreamDispatcher({ ...limits, caCertificates }),
      clock,
      totalMs: UPSTREAM_MS,
    });
  const send = sender(readTrustedCertificates(process.env));
  const endpointOf = (host: string) => new URL(`https://${host}`);
  const ways: TokenWays = { clock, sendTo: () => send, registries: { isAllowed: isRegistry, endpointOf } };
  const shared = { ways, random: systemRandom };
  // Trusts the cluster alone.
  const oke = (): TokenExchange => {
    const endpoint = new URL(access.url);
    endpoint.port = TOKEN_EXCHANGE_PORT;
    return createOkeTokenExchange({ clock, send: sender([access.caCertificate]), endpoint: () => endpoint });
  };

  if (identity.kind === "service-account") {
    const { exchange: settings } = identity;
    const exchange = settings.kind === "oke" ? oke() : domain(settings.url, settings.clientId);
    return createServiceAccountSource({ ...shared, exchange, requestToken });
  }
  const provider = identity.principal === "instance" ? instance() : workload(oke());
  return createControllerSource({ ...shared, sessions: createOwnSessions(provider, { clock, random: systemRandom }) });

  function domain(url: string, clientId: string): TokenExchange {
    const settings = { url, authorization: "client", clientId } as const;
    const nodeSessions = { live: () => Promise.reject(), newerThan: () => Promise.resolve(undefined) };
    return createIdentityDomain({ clock, send, settings, environment: process.env, nodeSessions });
  }

  function instance() {
    const dispatcher = createDirectDispatcher({ ...limits, maxConnectionsPerOrigin: 1 });
    const sendMetadata = createSendRequest({ dispatcher, clock, totalMs: UPSTREAM_MS });
    const context = { clock, environment: process.env, random: systemRandom, sendMetadata, sendAuth: send };
    return createIdentityProvider("instance-principal", { metadata: {}, auth: {}, user: {}, cliSession: {} }, context);
  }

  /** Of the controller's own service account. */
  function workload(exchange: TokenExchange) {
    return {
      session: (signal: AbortSignal) => exchange.exchange(parseServiceAccountToken(access.token()), signal),
    };
  }
}
