/** A value with an end, and what an error says about trying again: the shapes that sessions and tokens share. */

export interface Expiring<V> {
  readonly value: V;
  /** When it was obtained, on the monotonic clock. */
  readonly obtainedAtMs: number;
  /** Its real end as the server stated it, on the monotonic clock. Margins are the renewal policy's business. */
  readonly expiresAtMs: number;
}

export interface RetryHint {
  /** False where the same request would fail the same way until somebody changes something. */
  readonly retryable: boolean;
  /** The wait that the server asked for (`Retry-After`), in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** An error's own hint; an error without one is unknown to us and worth another try. */
export function retryHintOf(error: unknown): RetryHint {
  if (error instanceof Error && "retryable" in error && typeof error.retryable === "boolean") {
    const after = "retryAfterMs" in error ? error.retryAfterMs : undefined;
    return { retryable: error.retryable, retryAfterMs: typeof after === "number" ? after : undefined };
  }
  return { retryable: true };
}
