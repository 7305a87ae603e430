/** Turns the core's events into log lines and metrics, and tells the handover when its state has changed. */

import type { CacheEvent } from "@ocir-broker/expiring-cache";
import type { Clock } from "@ocir-broker/foundation";
import type { IdentityEvent } from "@ocir-broker/identity";
import { createFetchLog } from "../telemetry/fetch-log.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { upstreamResult } from "../telemetry/upstream-result.ts";
import type { CredentialCoreEvents } from "./core.ts";

export interface CoreEventsOptions {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly onChanged: () => void;
  readonly onHomeRegion: () => void;
}

export function createCoreEvents({ log, metrics, onChanged, onHomeRegion }: CoreEventsOptions): CredentialCoreEvents {
  const logRegion = createFetchLog(log, "region");
  const logSession = createFetchLog(log, "session");
  const logToken = createFetchLog(log, "token");

  function noteChange({ type }: CacheEvent): void {
    if (type !== "failed") onChanged();
  }

  return {
    onIdentity: (event) => logIdentityEvent(event, log, metrics),
    onRegion(event) {
      logRegion(event);
      noteChange(event);
      if (event.type === "fetched") onHomeRegion();
    },
    onSession(event) {
      logSession(event);
      noteChange(event);
      const result = resultOf(event);
      if (result !== undefined) metrics.sessionFetched(result.reason, result.outcome);
    },
    onToken(event) {
      logToken(event);
      noteChange(event);
      const result = resultOf(event);
      if (result !== undefined) metrics.tokenFetched(event.key, result.reason, result.outcome);
    },
  };
}

export interface WorkloadFailure {
  readonly error: unknown;
  /** Monotonic. */
  readonly atMs: number;
}

/** Events of service accounts have no names: the pull's own line has the image. Keeps the last failure of all of them. */
export function createWorkloadEvents({ log, metrics, clock }: WorkloadEventsOptions) {
  let last: WorkloadFailure | undefined;
  const noter = (kind: "session" | "token") => (event: CacheEvent) => {
    const result = resultOf(event);
    if (result !== undefined) metrics.workloadFetched(kind, result.reason, result.outcome);
    if (event.type === "failed") {
      last = { error: event.error, atMs: clock.monotonicMs() };
      log.warn({ reason: event.reason, error: event.error }, `service account's ${kind} not fetched`);
    } else if (event.type === "fetched") log.info({ reason: event.reason }, `service account's ${kind} fetched`);
  };
  return { onSession: noter("session"), onToken: noter("token"), lastFailure: () => last };
}

interface WorkloadEventsOptions {
  readonly log: Log;
  readonly metrics: Pick<Metrics, "workloadFetched">;
  readonly clock: Clock;
}

/** Logs at debug, and counts requests. */
function logIdentityEvent(event: IdentityEvent, log: Log, metrics: Pick<Metrics, "upstreamAnswered">): void {
  const { type, ...facts } = event;
  log.debug(facts, type === "request" ? "identity request" : "identity retry");
  if (event.type !== "request") return;
  const result = typeof event.outcome === "number" ? upstreamResult(event.outcome) : "failed";
  metrics.upstreamAnswered(event.upstream === "metadata" ? "metadata" : "auth", result, event.elapsedMs);
}

function resultOf(event: CacheEvent) {
  if (event.type === "fetched") return { reason: event.reason, outcome: "success" } as const;
  if (event.type === "failed") return { reason: event.reason, outcome: "failure" } as const;
  return undefined;
}
