/** A renewer's history, and its entry for a status page. Decides nothing. */
import type { CacheEntry } from "./cache-report.ts";
import { availabilityOf, type EntryState, fetchDueMs, NEVER } from "./renewer-state.ts";

type Recorded = "lastSuccessAtMs" | "lastFailureAtMs" | "lastError" | "isAsked" | "hits" | "fetches" | "failures";

export type TrackRecord = { -readonly [Fact in Recorded]: CacheEntry[Fact] };

export function newRecord(): TrackRecord {
  return {
    lastSuccessAtMs: undefined,
    lastFailureAtMs: undefined,
    lastError: undefined,
    isAsked: false,
    hits: 0,
    fetches: 0,
    failures: 0,
  };
}

export function entryOf<V>(key: string, state: EntryState<V>, record: TrackRecord, nowMs: number): CacheEntry {
  const { cached, pinned, failure, waiters } = state;
  const dueMs = fetchDueMs(state);
  return {
    ...record,
    key,
    state: availabilityOf(state, nowMs).kind,
    pinned,
    obtainedAtMs: cached?.entry.obtainedAtMs,
    expiresAtMs: cached?.entry.expiresAtMs,
    servableUntilMs: cached?.servableUntilMs,
    renewAtMs: dueMs === NEVER ? undefined : dueMs,
    failuresInARow: failure?.failures ?? 0,
    waiting: waiters.size,
  };
}
