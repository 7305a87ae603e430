/**
 * The wiring that daemon, one-shot broker, doctor and tests share: an identity provider, and the caches of home region, session
 * and tokens on top of it. Owns no socket, log or metric; it reports through events.
 */

import type { CacheEvent, RefreshAheadCache } from "@ocir-broker/expiring-cache";
import type { Clock, Random, Secret, SendRequest } from "@ocir-broker/foundation";
import {
  createProvider,
  type IdentityEvent,
  type NamedProvider,
  type RegionInfo,
  type SigningSession,
} from "@ocir-broker/identity";
import type { Config } from "../config/schema.ts";
import { createHomeRegionCache, createSessionCache, createTokenCache, SESSION } from "../tokens/caches.ts";
import { createLiveRegistries, type LiveRegistries } from "../tokens/registries.ts";
import { createSessionRefresh, type RefreshSession } from "../tokens/session-refresh.ts";

export interface CredentialCore {
  readonly provider: NamedProvider;
  readonly homeRegion: RefreshAheadCache<RegionInfo>;
  readonly sessions: RefreshAheadCache<SigningSession>;
  readonly refreshSession: RefreshSession;
  readonly tokens: RefreshAheadCache<Secret>;
  readonly registries: LiveRegistries;
  /** Rejects waiting callers with a `closed` error. */
  close(): void;
}

export interface CredentialCoreOptions {
  readonly config: Pick<Config, "identity" | "user" | "session" | "metadata" | "auth" | "registries">;
  /** For the identity provider. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly random: Random;
  /** How long a request may wait. */
  readonly deadlineMs: number;
  /** Must not go through a proxy. */
  readonly sendMetadata: SendRequest;
  readonly sendAuth: SendRequest;
  readonly sendTo: (registryHost: string) => SendRequest;
  /** Called synchronously: handlers must be quick and must not throw. */
  readonly events?: Partial<CredentialCoreEvents> | undefined;
}

export interface CredentialCoreEvents {
  onIdentity(event: IdentityEvent): void;
  onRegion(event: CacheEvent): void;
  onSession(event: CacheEvent): void;
  onToken(event: CacheEvent): void;
}

export function createCredentialCore(options: CredentialCoreOptions): CredentialCore {
  const context = { ...options, onEvent: options.events?.onIdentity };
  return createCoreOn(createProvider(options.config.identity.provider, options.config, context), options);
}

/** The same on a provider that exists already. */
export function createCoreOn(
  provider: NamedProvider,
  options: Omit<CredentialCoreOptions, "config" | "environment" | "sendMetadata" | "sendAuth"> & {
    readonly config: Pick<Config, "registries">;
  },
): CredentialCore {
  const { config, clock, random, deadlineMs, sendTo, events = {} } = options;
  const shared = { deadlineMs, clock, random };
  const homeRegion = createHomeRegionCache(provider, { ...shared, onEvent: (event) => events.onRegion?.(event) });

  const sessionErrors = new WeakSet<Error>();
  const sessions = createSessionCache(provider, {
    ...shared,
    onEvent(event) {
      events.onSession?.(event);
      // With a session again, tokens that failed without one need not wait for their back-off.
      if (event.type === "fetched") tokens.retry((error) => error instanceof Error && sessionErrors.has(error));
    },
  });
  const refreshSession = createSessionRefresh({ clock, refresh: () => sessions.refresh(SESSION) });

  const registries = createLiveRegistries(config, homeRegion);
  const tokens = createTokenCache({
    ...shared,
    sessions,
    refreshSession,
    sessionErrors,
    refusedAs: provider.refusedAs,
    sendTo,
    endpointOf: registries.endpointOf,
    onEvent: (event) => events.onToken?.(event),
  });

  return {
    provider,
    homeRegion,
    sessions,
    refreshSession,
    tokens,
    registries,
    close() {
      for (const cache of [tokens, sessions, homeRegion]) cache.close();
    },
  };
}
