/**
 * Region, session and tokens from Oracle's services, each fetched once and shared by all checks. The code is the daemon's;
 * session and tokens are separate, so the daemon is not affected.
 */
import type { Config } from "@ocir-broker/config/schema";
import { createNodeCredentials } from "@ocir-broker/credentials/node-credentials";
import { HOME_REGION, isAllowedNow } from "@ocir-broker/credentials/tokens/registries";
import { SESSION } from "@ocir-broker/credentials/tokens/session-refresh";
import { createUpstreams } from "@ocir-broker/credentials/tokens/upstreams";
import type { Random } from "@ocir-broker/foundation/random";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { SendRequest } from "@ocir-broker/foundation/upstream";
import { once } from "./attempt.ts";

export type Cloud = ReturnType<typeof createCloud>;

interface CloudOptions {
  readonly config: Config;
  readonly environment: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/** Shorter than the daemon's, because all checks share one limit. */
const TIME_LIMITS = { connectTimeout: "2500ms", timeout: "4s" };

/** Longer than all checks together. */
const DEADLINE_MS = 15_000;

export function createCloud({ config, environment, clock, random, signal }: CloudOptions) {
  const upstream = { ...config.upstream, ...TIME_LIMITS };
  const upstreams = createUpstreams({ config: { ...config, upstream }, environment, clock });
  /** The instance's, as last received. */
  let certificate: Buffer | undefined;
  const sendMetadata: SendRequest = async (request) => {
    const response = await upstreams.sendMetadata(request);
    if (request.url.pathname.endsWith("/identity/cert.pem")) certificate = response.body;
    return response;
  };
  const credentials = createNodeCredentials({
    config,
    environment,
    clock,
    random,
    deadlineMs: DEADLINE_MS,
    sendMetadata,
    sendAuth: upstreams.send,
    sendTo: () => upstreams.send,
  });
  signal.addEventListener("abort", () => credentials.close(), { once: true });

  // A refresh is one attempt: unlike a pull, a check wants the first error and no second try.
  const region = once(async () => (await credentials.homeRegion.refresh(HOME_REGION)).value);
  const session = once(async () => {
    // First, so that a failure to get the region is waited for once.
    await region();
    return credentials.sessions.refresh(SESSION);
  });
  /** Whether the broker gives tokens to this host. If the region is unknown, only the realms of this release count. */
  async function isRegistry(registryHost: string): Promise<boolean> {
    await region().catch(() => undefined);
    return isAllowedNow(credentials.registries, registryHost);
  }

  return {
    provider: credentials.provider.name,
    send: upstreams.send,
    certificate: () => certificate,
    region,
    session,
    /** An image can name any host: one that the broker gives no tokens gets no request. @throws {BrokerError} `registry-foreign` */
    token: (registryHost: string) => session().then(() => credentials.tokens.refresh(registryHost)),
    endpointOf: credentials.registries.endpointOf,
    isRegistry,
    async close() {
      credentials.close();
      await upstreams.close();
    },
  };
}
