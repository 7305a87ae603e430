/** Types that sessions and tokens share: a value with an expiry, and an error's hint about retries. */

export interface Expiring<V> {
  readonly value: V;
  /** When it was obtained, on the monotonic clock. */
  readonly obtainedAtMs: number;
  /** The server's expiry, on the monotonic clock. The renewal policy adds margins. */
  readonly expiresAtMs: number;
}

export interface RetryHint {
  /** False if the same request would fail the same way until something is changed. */
  readonly retryable: boolean;
  /** The wait that the server demands (`Retry-After`), in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** The error's own hint. An error without one is unknown, so it counts as retryable. */
export function retryHintOf(error: unknown): RetryHint {
  if (error instanceof Error && "retryable" in error && typeof error.retryable === "boolean") {
    const after = "retryAfterMs" in error ? error.retryAfterMs : undefined;
    return { retryable: error.retryable, retryAfterMs: typeof after === "number" ? after : undefined };
  }
  return { retryable: true };
}
