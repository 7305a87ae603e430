/** What can go wrong in the cache itself. An error of `fetch` is handed to those who wait as it is. */

export type CacheErrorCode =
  /** `close()` was called. */
  | "closed"
  /** `fetch` did not settle in time; its signal was aborted. */
  | "fetch-timeout"
  /** `fetch` brought a value whose time to be handed out was over already. */
  | "expired-on-arrival"
  /** The caller's own time was over before any fetch had ended. */
  | "wait-timeout"
  /** As many keys without a value as the cache may hold are being fetched or waited for. */
  | "overloaded";

/** The message names the key and the code; the key is a registry host or another name that is no secret. */
export class CacheError extends Error {
  readonly code: CacheErrorCode;
  readonly retryable: boolean;

  constructor(code: CacheErrorCode, key: string) {
    super(`${key}: ${code}`);
    this.name = "CacheError";
    this.code = code;
    this.retryable = code !== "closed";
  }
}
