/**
 * A broker for one call, and for those who make theirs in the same seconds: session and tokens as the daemon has them.
 *
 * No health, metrics or log, for nobody would read them; nothing is fetched ahead; and no repository is probed, since
 * what is answered with was minted a moment ago. What it answers, it answers as the daemon does.
 */
import type { Clock, Random } from "@ocir-broker/foundation";
import { createInstancePrincipal, knownRealmDomains, METADATA_BASE_URLS } from "@ocir-broker/identity";
import { durationMs } from "./config/duration.ts";
import type { Config } from "./config/schema.ts";
import { type AnswerCredentials, createCredentials } from "./credentials.ts";
import { createRegistries, hostsNamedIn } from "./registries.ts";
import { createSessionRefresh } from "./session-refresh.ts";
import { createHomeRegionCache, createSessionCache, createTokenCache, SESSION } from "./tokens.ts";
import { createUpstreams } from "./upstreams.ts";

export interface ShortLivedBroker {
  readonly answer: AnswerCredentials;
  close(): Promise<void>;
}

export interface ShortLivedBrokerOptions {
  readonly config: Config;
  /** For the system's certificates (SSL_CERT_FILE). */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly random: Random;
  /** Longest that an answer may take, milliseconds; the configuration's `request.deadline` where that is less. */
  readonly limitMs: number;
}

export function createShortLivedBroker(options: ShortLivedBrokerOptions): ShortLivedBroker {
  const { config, environment, clock, random, limitMs } = options;
  const upstreams = createUpstreams({ config, environment, clock });
  const provider = createInstancePrincipal({
    clock,
    random,
    sendMetadata: upstreams.sendMetadata,
    sendFederation: upstreams.send,
    metadataBaseUrls: config.metadata.baseUrl === undefined ? METADATA_BASE_URLS : [new URL(config.metadata.baseUrl)],
    authUrl: config.auth.endpoint === undefined ? undefined : new URL(config.auth.endpoint),
  });
  const deadlineMs = Math.min(durationMs(config.request.deadline), limitMs);
  const quietly = { deadlineMs, clock, random, onEvent: ignore };
  const homeRegion = createHomeRegionCache(provider, quietly);
  const sessions = createSessionCache(provider, quietly);
  const registries = createRegistries({
    realmDomains: knownRealmDomains(),
    extraHosts: hostsNamedIn(config),
    endpoints: config.registries.endpoints,
    homeRegion,
  });
  const tokens = createTokenCache({
    refreshSession: createSessionRefresh({ clock, refresh: () => sessions.refresh(SESSION) }),
    sessionErrors: new WeakSet(),
    ...quietly,
    sessions,
    sendTo: () => upstreams.send,
    endpointOf: registries.endpointOf,
  });
  return {
    answer: createCredentials({
      clock,
      deadlineMs,
      registries,
      tokens,
      access: { ask: () => "unknown", heal: () => Promise.resolve("unknown") },
    }),
    async close() {
      for (const cache of [tokens, sessions, homeRegion]) cache.close();
      await upstreams.close();
    },
  };
}

function ignore(): void {}
