/** Records a renewer's history and renders its entry for a status page. Decides nothing. */
import type { CacheEntry } from "./cache-report.ts";
import { availabilityOf, type EntryState, fetchDueMs, NEVER } from "./renewer-state.ts";

export class TrackRecord {
  #lastSuccessAtMs: number | undefined;
  #lastFailure: { atMs: number; error: unknown } | undefined;
  #isAsked = false;
  #hits = 0;
  #fetches = 0;
  #failures = 0;

  ask(isHit: boolean): void {
    this.#isAsked = true;
    if (isHit) this.#hits++;
  }

  fetch(): void {
    this.#fetches++;
  }

  success(atMs: number): void {
    this.#lastSuccessAtMs = atMs;
  }

  failure(atMs: number, error: unknown): void {
    this.#lastFailure = { atMs, error };
    this.#failures++;
  }

  describe<V>(key: string, state: EntryState<V>, nowMs: number): CacheEntry {
    const { cached, pinned, failure, waiters } = state;
    const dueMs = fetchDueMs(state);
    return {
      key,
      state: availabilityOf(state, nowMs).kind,
      pinned,
      isAsked: this.#isAsked,
      obtainedAtMs: cached?.entry.obtainedAtMs,
      expiresAtMs: cached?.entry.expiresAtMs,
      servableUntilMs: cached?.servableUntilMs,
      renewAtMs: dueMs === NEVER ? undefined : dueMs,
      lastSuccessAtMs: this.#lastSuccessAtMs,
      lastFailureAtMs: this.#lastFailure?.atMs,
      lastError: this.#lastFailure?.error,
      failuresInARow: failure?.failures ?? 0,
      hits: this.#hits,
      fetches: this.#fetches,
      failures: this.#failures,
      waiting: waiters.size,
    };
  }
}
