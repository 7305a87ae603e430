/** Oracle's documentation of request signatures: OCI answers 401 beyond 5 minutes. */
export const LARGEST_SKEW_MS = 300_000;

/** Also false if the server sent no date. Both times in epoch milliseconds. */
export function isSkewed(serverDateMs: number | undefined, wallMs: number): boolean {
  return serverDateMs !== undefined && Math.abs(serverDateMs - wallMs) > LARGEST_SKEW_MS;
}
