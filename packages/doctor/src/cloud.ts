/**
 * Region, session and tokens from Oracle's services, each fetched once and shared by all checks. The code is the daemon's;
 * session and tokens are separate, so the daemon is not affected.
 */
import {
  type Clock,
  createDirectDispatcher,
  createSendRequest,
  createUpstreamDispatcher,
  type Expiring,
  type Random,
  type Secret,
  type SendRequest,
} from "@ocir-broker/foundation";
import {
  createInstancePrincipal,
  knownRealmDomains,
  type RegionInfo,
  type SigningSession,
  signRequest,
} from "@ocir-broker/identity";
import { createHostRules, fetchBearerToken } from "@ocir-broker/ocir";
import { type Exchange, recorded } from "./recording/exchanges.ts";
import type { DoctorSettings } from "./settings.ts";

export interface Cloud {
  readonly exchanges: readonly Exchange[];
  readonly sendMetadata: SendRequest;
  readonly sendAuth: SendRequest;
  readonly sendRegistry: SendRequest;
  region(): Promise<RegionInfo>;
  session(): Promise<Expiring<SigningSession>>;
  /** Rejects with a {@link ForeignRegistryError}, without a request, if the broker gives this host no tokens. */
  token(registryHost: string): Promise<Expiring<Secret>>;
  authUrl(): Promise<URL>;
  endpointOf(registryHost: string): URL;
  /** Whether the broker gives tokens to this host. Without a region, only the realms of this release count. */
  isRegistry(registryHost: string, region: RegionInfo | undefined): boolean;
  close(): Promise<void>;
}

export interface CloudOptions {
  readonly settings: DoctorSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

export class ForeignRegistryError extends Error {
  readonly code = "image-foreign";

  constructor(registryHost: string) {
    super(`${registryHost} is not a registry that the broker gives tokens to`);
    this.name = "ForeignRegistryError";
  }
}

const CONNECT_MS = 2_500;
const TOTAL_MS = 4_000;
const LIMITS = { connectMs: CONNECT_MS, headersMs: TOTAL_MS, bodyMs: TOTAL_MS, maxConnectionsPerOrigin: 4 };

export function createCloud({ settings, clock, random, signal }: CloudOptions): Cloud {
  const exchanges: Exchange[] = [];
  const direct = createDirectDispatcher(LIMITS);
  const outside = createUpstreamDispatcher({
    ...LIMITS,
    caCertificates: settings.caCertificates,
    proxy: settings.proxy,
  });
  const send = createSendRequest({ dispatcher: outside, clock, totalMs: TOTAL_MS });
  const sendMetadata = recorded(
    createSendRequest({ dispatcher: direct, clock, totalMs: TOTAL_MS }),
    "metadata",
    (url) => url.pathname.replace(/^.*\/(?=instance\/|identity\/)/, "/"),
    clock,
    exchanges,
  );
  const sendAuth = recorded(send, "auth", () => "/v1/x509", clock, exchanges);
  const sendRegistry = recorded(send, "registry", labelOfRegistry, clock, exchanges);
  const provider = createInstancePrincipal({
    clock,
    random,
    sendMetadata,
    sendFederation: sendAuth,
    metadataBaseUrls: settings.metadataBaseUrls,
    authUrl: settings.authUrl,
  });
  const region = once(() => provider.region(signal));
  const session = once(async () => {
    // Fetched first, so that a failing metadata service costs its time limit once, not twice.
    await region();
    return provider.session(signal);
  });
  const tokens = new Map<string, () => Promise<Expiring<Secret>>>();
  const endpointOf = (registryHost: string): URL =>
    new URL(settings.endpoints[registryHost] ?? `https://${registryHost}`);

  function isRegistry(registryHost: string, home: RegionInfo | undefined): boolean {
    const realmDomains = [...knownRealmDomains(), ...(home === undefined ? [] : [home.realmDomain])];
    return createHostRules({ realmDomains, extraHosts: settings.extraHosts })(registryHost);
  }

  async function fetchToken(registryHost: string): Promise<Expiring<Secret>> {
    // An image can name any host, and a signed request contains the session's token.
    if (!isRegistry(registryHost, await region())) throw new ForeignRegistryError(registryHost);
    const { value } = await session();
    const sign = (request: { method: "GET"; url: URL }) => signRequest(value, request, clock.wallMs());
    const endpoint = endpointOf(registryHost);
    return fetchBearerToken(registryHost, { send: sendRegistry, sign, clock, endpoint }, signal);
  }

  return {
    exchanges,
    sendMetadata,
    sendAuth,
    sendRegistry,
    region,
    session,
    token(registryHost) {
      const known = tokens.get(registryHost) ?? once(() => fetchToken(registryHost));
      tokens.set(registryHost, known);
      return known();
    },
    async authUrl() {
      if (settings.authUrl !== undefined) return settings.authUrl;
      const { id, realmDomain } = await region();
      return new URL(`https://auth.${id}.${realmDomain}`);
    },
    endpointOf,
    isRegistry,
    async close() {
      await Promise.all([direct.destroy(), outside.destroy()]);
    },
  };
}

/** The path without namespace and repository, and without a path from the configuration. */
function labelOfRegistry({ pathname }: URL): string {
  if (/\/v2\/.+\/manifests\/[^/]*$/.test(pathname)) return "/v2/<repository>/manifests/<reference>";
  return /\/(?:v2\/|20180419\/docker\/token)$/.exec(pathname)?.[0] ?? "<path>";
}

/** Starts with the first caller; all callers share the result. A failure that nobody awaits is not an unhandled rejection. */
function once<Value>(work: () => Promise<Value>): () => Promise<Value> {
  let running: Promise<Value> | undefined;
  return () => {
    if (running === undefined) {
      running = work();
      running.catch(() => {});
    }
    return running;
  };
}
