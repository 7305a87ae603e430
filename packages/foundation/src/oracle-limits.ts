/**
 * What one node asks of Oracle's services at most, whatever its pods do, and what one controller of pull secrets does. Every rate
 * towards Oracle is in this table; docs/architecture.md quotes it.
 */
export const ORACLE_LIMITS = {
  /** Requests to the metadata service, one at a time. Its own limit is unknown, and all programs of the node share it. */
  metadata: { burst: 5, spacingMs: 200 },
  /**
   * Sessions that a caller's distrust of the live one causes: one per interval on average, against a misbehaving registry or a policy
   * that never comes. Two may be closer: a kubelet sends a second request just after a denied pull, and pulls again 10 s later.
   */
  sessionRefresh: { intervalMs: 30_000, minSpacingMs: 10_000 },
  /**
   * Refreshes of a registry host's token because of denied repositories: a third of the time since the denial, between a kubelet's
   * first and longest back-off.
   */
  tokenRefresh: { shareOfDeniedTime: 1 / 3, minIntervalMs: 10_000, maxIntervalMs: 300_000 },
  /** Attempts to get access to one denied repository. */
  heal: { spacingMs: 2_000 },
  /** Probes of repositories, in the background. Those beyond the full queue are dropped. */
  probes: { concurrency: 8, spacingMs: 10, maxQueued: 512 },
  /** Token exchanges for service accounts: a node's first pods at once, then ten a second. */
  tokenExchange: { burst: 256, spacingMs: 100 },
  /**
   * A pod's token that Oracle has refused is not sent again for this long. The kubelet asks for credentials whenever it looks at a pod
   * that cannot start, every 10 to 15 s, also while it delays the next pull.
   */
  refusedToken: { restMs: 60_000 },
  /** Registry requests of the controller of pull secrets. A token exchange counts as several. */
  pullSecrets: { burst: 20, spacingMs: 50, exchangeCost: 2 },
} as const;
