/** Turns the events of the node's credentials into log lines and metrics, and tells the daemon's other parts what has changed. */
import type { EventEmitter } from "node:events";

import type { Decision } from "@ocir-broker/credentials/pulls/decision";
import type { CacheEvents } from "@ocir-broker/credentials/tokens/caches";
import type { CacheEvent, FetchReason } from "@ocir-broker/expiring-cache/cache-report";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { createFetchLog } from "../telemetry/fetch-log.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics/metrics.ts";

export interface CredentialEventsOptions {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly changes: CredentialChanges;
}

export type CredentialChanges = EventEmitter<{
  /** State that must survive a restart. */
  state: [];
  homeRegion: [];
}>;

export function createCredentialEvents({ log, metrics, changes }: CredentialEventsOptions): CacheEvents {
  function noter(what: "region" | "session" | "token", report: ReportFetch) {
    const logFetch = createFetchLog(log, what);
    return (event: CacheEvent): void => {
      logFetch(event);
      if (event.type !== "failed") changes.emit("state");
      reportFetch(event, report);
    };
  }

  return {
    onRegion: noter("region", (_reason, result) => {
      if (result === "success") changes.emit("homeRegion");
    }),
    onSession: noter("session", metrics.sessions.fetched),
    onToken: noter("token", metrics.tokens.fetched),
  };
}

export interface ServiceAccountFailure {
  /** Undefined for a renewal, which no pull has noticed yet. */
  readonly account: string | undefined;
  readonly error: unknown;
  /** Monotonic. */
  readonly atMs: number;
}

interface ServiceAccountEventsOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** As many as a node runs pods; the oldest are dropped. */
const MAX_FAILURES = 256;

/** Events of service accounts contain no names; the pull's log line names account and image. */
export function createServiceAccountEvents({ log, metrics, clock }: ServiceAccountEventsOptions) {
  /** In order of time. Only the same account's pull, or the same fetch, removes a failure: others prove nothing about it. */
  const failures = new Map<string, ServiceAccountFailure>();

  function note(what: string, account: string | undefined, error: unknown): void {
    failures.delete(what);
    if (error === undefined) return;
    failures.set(what, { account, error, atMs: clock.monotonicMs() });
    if (failures.size > MAX_FAILURES) failures.delete(String(failures.keys().next().value));
  }

  const noter = (kind: "session" | "token") => (event: CacheEvent) => {
    if (event.type !== "fetched" && event.type !== "failed") return;
    reportFetch(event, (reason, result) => metrics.serviceAccounts.fetched(kind, reason, result));
    const isFailedRenewal = event.type === "failed" && event.reason === "renewal";
    note(`${kind} ${event.key}`, undefined, isFailedRenewal ? event.error : undefined);
    if (event.type === "failed")
      log.warn({ reason: event.reason, error: event.error }, `${kind} for a service account not fetched`);
    else log.info({ reason: event.reason }, `${kind} for a service account fetched`);
  };

  return {
    onSession: noter("session"),
    onToken: noter("token"),
    /** Of a service account. */
    onPull({ account, outcome, error }: Decision): void {
      if (outcome !== "error" && (account !== undefined || error !== undefined))
        note(`pull ${account}`, account, error);
    },
    failures: () => [...failures.values()],
  };
}

type ReportFetch = (reason: FetchReason, result: "success" | "failure", key: string) => void;

function reportFetch(event: CacheEvent, report: ReportFetch): void {
  if (event.type === "fetched") report(event.reason, "success", event.key);
  else if (event.type === "failed") report(event.reason, "failure", event.key);
}
