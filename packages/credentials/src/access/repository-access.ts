/**
 * Heals late IAM without a restart: tracks which repositories the live token can read, and refreshes it for one that it cannot.
 *
 * A token fetched before the dynamic group existed stays useless until it expires. So a repository that is not known to
 * work is probed in the background; one found denied is marked, and a request for it may fetch a fresh session and token
 * next to the live ones. This file owns the limits for repositories and registry hosts; session-refresh.ts owns those for
 * the session. It never holds a token, and never delays a request for an unmarked repository.
 */
import { ORACLE_LIMITS } from "@ocir-broker/foundation/oracle-limits";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { createLimiter, type Limiter } from "@ocir-broker/foundation/time/limiter";
import { settledWithin } from "@ocir-broker/foundation/time/settled-within";
import { type Access, isProbeable } from "@ocir-broker/ocir/access-probe";
import { LRUCache } from "lru-cache";
import type { RefreshSession } from "../tokens/session-refresh.ts";

/** Repositories remembered for all hosts; a forgotten one is probed again. */
const MAX_REPOSITORIES = 2_048;

/** After this long without a request, a marked repository's next heal uses the shortest interval again. */
const QUIET_MS = 30_000;

/** An unclear result, or a good one whose token has been renewed, is probed again after this long. */
const REPROBE_MS = 600_000;

/** A failed probe is repeated after this long. */
const FAILED_PROBE_MS = 30_000;

/** A kubelet tries a failed pull again within 5 minutes, so an older request is of a pod that is gone. */
const DENIED_SHOWN_MS = 1_800_000;
const MAX_DENIED_SHOWN = 100;

/** A repository that the node's token may not read. */
export interface DeniedRepository {
  /** With its registry host. */
  readonly repository: string;
  /** The last request, monotonic. */
  readonly askedAtMs: number;
}

export type AccessEvent =
  | { readonly type: "denied" | "healed"; readonly registryHost: string; readonly repository: string }
  | { readonly type: "probe-failed" | "refresh-failed"; readonly registryHost: string; readonly error: unknown }
  | { readonly type: "refreshed"; readonly registryHost: string };

export interface RepositoryAccessOptions {
  readonly clock: Clock;
  /** Tries the live token at the registry. Rejects without a response. */
  readonly probe: (registryHost: string, repository: string) => Promise<Access>;
  /** Identifies the live token, so that a good result counts only for the token it was seen with. */
  readonly liveToken: (registryHost: string) => unknown;
  readonly refreshSession: RefreshSession;
  /** Fetches a host's token next to the live one and swaps it in; if this rejects, the live one stays. */
  readonly refreshToken: (registryHost: string) => Promise<unknown>;
  readonly onEvent?: (event: AccessEvent) => void;
}

interface Repository {
  readonly registryHost: string;
  readonly name: string;
  access: Access;
  /** The token of the last probe that worked. */
  workedWith: unknown;
  nextProbeAtMs: number;
  isProbing: boolean;
  askedAtMs: number;
  /** Time between the last two requests. */
  quietMs: number;
  /** When it was last marked denied. */
  deniedAtMs: number;
  nextHealAtMs: number;
  healing: Promise<void> | undefined;
}

interface Refresh {
  /** When the session behind the host's token was last refreshed. */
  atMs: number;
  underway: Promise<void> | undefined;
}

export class RepositoryAccess {
  readonly #options: RepositoryAccessOptions;
  readonly #repositories = new LRUCache<string, Repository>({ max: MAX_REPOSITORIES });
  readonly #refreshes = new LRUCache<string, Refresh>({ max: MAX_REPOSITORIES });
  readonly #probes: Limiter;

  constructor(options: RepositoryAccessOptions) {
    this.#options = options;
    this.#probes = createLimiter({ clock: options.clock, ...ORACLE_LIMITS.probes });
  }

  /** Returns what is known now, without waiting; starts a background probe if one is due. */
  ask(registryHost: string, name: string): Access {
    if (!isProbeable(name)) return "unknown";
    const nowMs = this.#options.clock.monotonicMs();
    const repository = this.#find(registryHost, name);
    repository.quietMs = nowMs - repository.askedAtMs;
    repository.askedAtMs = nowMs;
    if (repository.access !== "denied" && !repository.isProbing && this.#isProbeDue(repository, nowMs)) {
      repository.isProbing = this.#probes.add(() => this.#probeInBackground(repository));
    }
    return repository.access;
  }

  /** For a denied repository: probes again, with a fresh token if the limits allow it. Waits at most `waitMs`. */
  async heal(registryHost: string, name: string, waitMs: number): Promise<Access> {
    const repository = this.#find(registryHost, name);
    if (repository.healing === undefined && this.#options.clock.monotonicMs() >= repository.nextHealAtMs) {
      // Read now, because requests during the heal shorten quietMs and would lengthen the interval.
      repository.healing = this.#heal(repository, this.#refreshIntervalMs(repository)).finally(() => {
        repository.healing = undefined;
        repository.nextHealAtMs = this.#options.clock.monotonicMs() + ORACLE_LIMITS.heal.spacingMs;
      });
    }
    if (repository.healing !== undefined) await settledWithin(repository.healing, waitMs, this.#options.clock);
    return repository.access;
  }

  /** Those that have been requested lately, the latest last. */
  denied(): DeniedRepository[] {
    const sinceMs = this.#options.clock.monotonicMs() - DENIED_SHOWN_MS;
    return [...this.#repositories.values()]
      .filter(({ access, askedAtMs }) => access === "denied" && askedAtMs >= sinceMs)
      .toSorted((one, other) => one.askedAtMs - other.askedAtMs)
      .slice(-MAX_DENIED_SHOWN)
      .map(({ registryHost, name, askedAtMs }) => ({ repository: `${registryHost}/${name}`, askedAtMs }));
  }

  close(): void {
    this.#probes.close();
  }

  #find(registryHost: string, name: string): Repository {
    const key = `${registryHost}/${name}`;
    const known = this.#repositories.get(key);
    if (known !== undefined) return known;
    const repository: Repository = {
      registryHost,
      name,
      access: "unknown",
      workedWith: undefined,
      nextProbeAtMs: -Infinity,
      isProbing: false,
      askedAtMs: -Infinity,
      quietMs: Infinity,
      deniedAtMs: -Infinity,
      nextHealAtMs: -Infinity,
      healing: undefined,
    };
    this.#repositories.set(key, repository);
    return repository;
  }

  #isProbeDue(repository: Repository, nowMs: number): boolean {
    if (nowMs < repository.nextProbeAtMs) return false;
    return (
      repository.access === "unknown" || repository.workedWith !== this.#options.liveToken(repository.registryHost)
    );
  }

  async #probeInBackground(repository: Repository): Promise<void> {
    await this.#probe(repository);
    repository.isProbing = false;
  }

  /** Probes and records the result. Without a response, it changes no mark and returns undefined. */
  async #probe(repository: Repository): Promise<Access | undefined> {
    const { clock, liveToken, onEvent } = this.#options;
    const { registryHost, name } = repository;
    const token = liveToken(registryHost);
    const before = repository.access;
    try {
      repository.access = await this.#options.probe(registryHost, name);
    } catch (error) {
      repository.nextProbeAtMs = clock.monotonicMs() + FAILED_PROBE_MS;
      onEvent?.({ type: "probe-failed", registryHost, error });
      return undefined;
    }
    repository.nextProbeAtMs = clock.monotonicMs() + REPROBE_MS;
    if (repository.access !== "denied") {
      repository.workedWith = token;
    }
    if (before !== "denied" && repository.access === "denied") {
      repository.deniedAtMs = clock.monotonicMs();
      onEvent?.({ type: "denied", registryHost, repository: name });
    }
    if (before === "denied" && repository.access !== "denied")
      onEvent?.({ type: "healed", registryHost, repository: name });
    return repository.access;
  }

  /** The first probe finds a late policy; only a late dynamic group needs a fresh session and token. */
  async #heal(repository: Repository, intervalMs: number): Promise<void> {
    // Without a response nothing is known about the live token, so there is no reason to refresh it.
    if ((await this.#probe(repository)) === "denied" && (await this.#refresh(repository, intervalMs)))
      await this.#probe(repository);
  }

  #refreshIntervalMs({ quietMs, deniedAtMs }: Repository): number {
    const { shareOfDeniedTime, minIntervalMs, maxIntervalMs } = ORACLE_LIMITS.tokenRefresh;
    if (quietMs >= QUIET_MS) return minIntervalMs;
    const shareMs = (this.#options.clock.monotonicMs() - deniedAtMs) * shareOfDeniedTime;
    return Math.min(Math.max(shareMs, minIntervalMs), maxIntervalMs);
  }

  /** True if the repository's host has a newer token than before the call; `intervalMs` must have passed since its last refresh. */
  async #refresh({ registryHost }: Repository, intervalMs: number): Promise<boolean> {
    const { clock, refreshSession, onEvent } = this.#options;
    const host = this.#refreshes.get(registryHost) ?? { atMs: -Infinity, underway: undefined };
    this.#refreshes.set(registryHost, host);
    if (host.underway === undefined) {
      if (clock.monotonicMs() - host.atMs < intervalMs) return false;
      const { startedAtMs, done } = refreshSession();
      // The session's rate limit allowed no new one, and the host already has a token of this one.
      if (startedAtMs <= host.atMs) return false;
      // Counts from the session's start: a new token of an older session knows no newer groups.
      host.atMs = startedAtMs;
      host.underway = this.#refreshToken(registryHost, done).finally(() => {
        host.underway = undefined;
      });
    }
    try {
      await host.underway;
      return true;
    } catch (error) {
      onEvent?.({ type: "refresh-failed", registryHost, error });
      return false;
    }
  }

  async #refreshToken(registryHost: string, session: Promise<void>): Promise<void> {
    await session;
    await this.#options.refreshToken(registryHost);
    this.#options.onEvent?.({ type: "refreshed", registryHost });
  }
}
