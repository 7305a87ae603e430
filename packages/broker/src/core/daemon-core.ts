/**
 * The core as the daemon runs it: on real upstreams, with repository access, and with everything that happens in log
 * and metrics. Owns what these need to be closed; the caller decides when.
 */
import type { Clock, Random } from "@ocir-broker/foundation";
import type { RepositoryAccess } from "../access/repository-access.ts";
import type { Config } from "../config/schema.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { createUpstreams, instrumented } from "../tokens/upstreams.ts";
import { createPullTokens, type PullTokens } from "../workloads/pull-tokens.ts";
import { createWorkloads } from "../workloads/workloads.ts";
import { type CredentialCore, createCredentialCore } from "./core.ts";
import { createCoreAccess } from "./core-access.ts";
import { createCoreEvents, createWorkloadEvents, type WorkloadFailure } from "./core-events.ts";

export interface DaemonCore extends Omit<CredentialCore, "close"> {
  readonly access: RepositoryAccess;
  readonly pullTokens: PullTokens;
  /** Subjects of service accounts with a session; undefined if there is no exchange. */
  readonly subjects: () => number | undefined;
  /** Of a fetch for any service account. */
  readonly lastWorkloadFailure: () => WorkloadFailure | undefined;
  /** Aborts the probes and fetches under way. */
  close(): Promise<void>;
}

export interface DaemonCoreOptions {
  readonly config: Config;
  /** For the system's certificates (SSL_CERT_FILE). */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly deadlineMs: number;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The state to be kept over a restart has changed. */
  readonly onChanged: () => void;
  readonly onHomeRegion: () => void;
}

export function createDaemonCore(options: DaemonCoreOptions): DaemonCore {
  const { clock, log, metrics } = options;
  const upstreams = createUpstreams(options);
  if (!upstreams.hasTrust) log.error("no certificate can be read from upstream.caFile, so no service is trusted");
  const sendTo = (registryHost: string) =>
    instrumented(upstreams.send, clock, (result, elapsedMs) =>
      metrics.registryAnswered(registryHost, result, elapsedMs),
    );
  const core = createCredentialCore({
    ...options,
    sendMetadata: upstreams.sendMetadata,
    sendAuth: upstreams.send,
    sendTo,
    events: createCoreEvents(options),
  });
  const workloadEvents = createWorkloadEvents(options);
  const workloads = createWorkloads({
    ...options,
    ...workloadEvents,
    sendTo,
    endpointOf: core.registries.endpointOf,
    sessions: core.sessions,
    refreshSession: core.refreshSession,
    sendDomain: instrumented(upstreams.send, clock, (result, elapsedMs) =>
      metrics.upstreamAnswered("domain", result, elapsedMs),
    ),
    observe: (send) =>
      instrumented(send, clock, (result, elapsedMs) => metrics.upstreamAnswered("cluster", result, elapsedMs)),
  });
  const closing = new AbortController();
  const access = createCoreAccess({ core, clock, sendTo, log, metrics, signal: closing.signal });
  return {
    ...core,
    access,
    pullTokens: createPullTokens({
      clock,
      settings: options.config.serviceAccounts,
      tokens: core.tokens,
      workloads: workloads.tokens,
    }),
    subjects: () => workloads.tokens?.size,
    lastWorkloadFailure: workloadEvents.lastFailure,
    async close() {
      closing.abort();
      core.close();
      await Promise.all([workloads.close(), upstreams.close()]);
    },
  };
}
