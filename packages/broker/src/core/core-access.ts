/** Connects RepositoryAccess to a core: probes with its live tokens, refreshes its caches, reports to log and metrics. */
import type { Clock, SendRequest } from "@ocir-broker/foundation";
import { probeRepository } from "@ocir-broker/ocir";
import { RepositoryAccess } from "../access/repository-access.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { CredentialCore } from "./core.ts";

export interface CoreAccessOptions {
  readonly core: Pick<CredentialCore, "tokens" | "registries" | "refreshSession">;
  readonly clock: Clock;
  readonly sendTo: (registryHost: string) => SendRequest;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "refreshed">;
  /** Aborts probes in flight. */
  readonly signal: AbortSignal;
}

export function createCoreAccess({ core, clock, sendTo, log, metrics, signal }: CoreAccessOptions): RepositoryAccess {
  const { tokens, registries, refreshSession } = core;
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
      if (event.type === "refreshed") metrics.refreshed(event.registryHost);
      const { type, ...facts } = event;
      log[type === "probe-failed" ? "debug" : "info"](facts, `access ${type}`);
    },
  });
}
