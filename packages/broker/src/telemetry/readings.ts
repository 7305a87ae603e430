/** Times of a token or session that can be served now: wall clock, in seconds. */
export interface ServableTimes {
  readonly expiresAtSeconds: number;
  readonly obtainedAtSeconds: number;
}

/** Values that the metrics read at each scrape. */
export interface Readings {
  isServing(): boolean;
  session(): ServableTimes | undefined;
  tokens(): Iterable<readonly [registryHost: string, times: ServableTimes]>;
  /** For each registry host that has worked, or is pinned and requested: Unix time, undefined before the first success. */
  lastSuccesses(): Iterable<readonly [registryHost: string, atSeconds: number | undefined]>;
}
