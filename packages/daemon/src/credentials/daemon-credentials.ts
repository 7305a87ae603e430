/**
 * The node's credentials as the daemon runs them: on real upstreams, with repository access, and with everything that happens in log
 * and metrics. Owns what these need to be closed; the caller decides when.
 */

import type { Config } from "@ocir-broker/config/schema";
import { type AccessEvent, RepositoryAccess } from "@ocir-broker/credentials/access/repository-access";
import { createNodeCredentials, type NodeCredentials } from "@ocir-broker/credentials/node-credentials";
import { createServiceAccounts } from "@ocir-broker/credentials/service-accounts/service-accounts";
import { createUpstreams, instrumented } from "@ocir-broker/credentials/tokens/upstreams";
import type { Random } from "@ocir-broker/foundation/random";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { SendRequest } from "@ocir-broker/foundation/upstream";
import { probeRepository } from "@ocir-broker/ocir/access-probe";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics/metrics.ts";
import { type CredentialChanges, createCredentialEvents, createServiceAccountEvents } from "./credential-events.ts";

export interface DaemonCredentialsOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  /** How long a request may wait. */
  readonly deadlineMs: number;
  /** For the system's certificates (SSL_CERT_FILE). */
  readonly environment: NodeJS.ProcessEnv;
  readonly changes: CredentialChanges;
}

export function createDaemonCredentials(options: DaemonCredentialsOptions) {
  const { config, clock, random, log, metrics, deadlineMs, environment, changes } = options;
  const upstreams = createUpstreams({ config, environment, clock });
  if (!upstreams.hasTrust) log.error("no certificate can be read from upstream.caFile, so no service is trusted");
  const sendTo = (registryHost: string) =>
    instrumented(upstreams.send, clock, (result, elapsedMs) =>
      metrics.upstream.registryAnswered(registryHost, result, elapsedMs),
    );
  const observed = (send: SendRequest, service: "metadata" | "auth" | "cluster" | "domain") =>
    instrumented(send, clock, (result, elapsedMs) => metrics.upstream.serviceAnswered(service, result, elapsedMs));

  const credentials = createNodeCredentials({
    config,
    clock,
    random,
    environment,
    deadlineMs,
    sendMetadata: observed(upstreams.sendMetadata, "metadata"),
    sendAuth: observed(upstreams.send, "auth"),
    sendTo,
    events: createCredentialEvents({ log, metrics, changes }),
  });
  const serviceAccountEvents = createServiceAccountEvents({ clock, log, metrics });
  const serviceAccounts = createServiceAccounts({
    config,
    clock,
    random,
    environment,
    tokens: credentials.tokens,
    registries: credentials.registries,
    sessions: credentials.sessions,
    refreshSession: credentials.refreshSession,
    onSession: serviceAccountEvents.onSession,
    onToken: serviceAccountEvents.onToken,
    sendTo,
    sendDomain: observed(upstreams.send, "domain"),
    observe: (send) => observed(send, "cluster"),
  });
  const closing = new AbortController();

  return {
    ...credentials,
    access: createAccess(credentials, sendTo, options, closing.signal),
    pullTokens: serviceAccounts.pullTokens,
    serviceAccountCount: serviceAccounts.serviceAccountCount,
    /** Of the service accounts whose last pull or renewal has failed. */
    serviceAccountFailures: serviceAccountEvents.failures,
    onPull: serviceAccountEvents.onPull,
    /** Aborts the probes and fetches under way. */
    async close(): Promise<void> {
      closing.abort();
      credentials.close();
      await Promise.all([serviceAccounts.close(), upstreams.close()]);
    },
  };
}

/** A denial is what an operator looks for in `journalctl -p warning`. */
const ACCESS_LEVELS = {
  denied: "warn",
  healed: "info",
  "probe-failed": "debug",
  "refresh-failed": "info",
  refreshed: "info",
} as const satisfies Record<AccessEvent["type"], "debug" | "info" | "warn">;

/** Probes with the live tokens of `credentials`, refreshes its caches, and reports to log and metrics. */
function createAccess(
  { tokens, registries, refreshSession }: NodeCredentials,
  sendTo: (registryHost: string) => SendRequest,
  { clock, log, metrics }: DaemonCredentialsOptions,
  signal: AbortSignal,
): RepositoryAccess {
  return new RepositoryAccess({
    clock,
    // Identified by its time: references from 2 048 repositories would keep old tokens in memory.
    liveToken: (registryHost) => tokens.peek(registryHost)?.obtainedAtMs,
    async probe(registryHost, repository) {
      const token = tokens.peek(registryHost);
      if (token === undefined) return "unknown";
      const ways = { send: sendTo(registryHost), endpoint: registries.endpointOf(registryHost) };
      return probeRepository(repository, token.value, ways, signal);
    },
    refreshSession,
    refreshToken: (registryHost) => tokens.refresh(registryHost),
    onEvent(event) {
      if (event.type === "refreshed") metrics.access.refreshed(event.registryHost);
      const { type, ...facts } = event;
      log[ACCESS_LEVELS[type]](facts, `access ${type}`);
    },
  });
}
