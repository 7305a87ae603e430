/**
 * The daemon, put together: which part is given to which. Owns the order of starting and stopping, nothing else.
 */
import type { Clock, Random } from "@ocir-broker/foundation";
import { createInstancePrincipal, knownRealmDomains, METADATA_BASE_URLS } from "@ocir-broker/identity";
import { probeRepository } from "@ocir-broker/ocir";
import { RepositoryAccess } from "./access.ts";
import { durationMs } from "./config/duration.ts";
import type { Config } from "./config/schema.ts";
import { type AnswerCredentials, createCredentials } from "./credentials.ts";
import { createCredentialsServer } from "./credentials-server.ts";
import { createDockerCredential } from "./docker-credential.ts";
import { createFetchLog } from "./fetch-log.ts";
import { handedOverSockets } from "./handed-over-sockets.ts";
import { createHealth, type Health } from "./health.ts";
import { createHealthServer } from "./health-server.ts";
import { createIdentityLog } from "./identity-log.ts";
import type { Log } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { createRegistries, HOME_REGION, registryHostOf } from "./registries.ts";
import { logRequest } from "./request-log.ts";
import { createHomeRegionCache, createSessionCache, createTokenCache, SESSION } from "./tokens.ts";
import { createUpstreams, observed } from "./upstreams.ts";

export interface BrokerOptions {
  readonly config: Config;
  /** For sockets handed over (LISTEN_FDS) and the system's certificates (SSL_CERT_FILE); proxies are in the config. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly version: string;
  /** To whom sockets are handed over. */
  readonly pid: number;
}

export interface Broker {
  /** What the credentials socket answers to a request body, without the socket. */
  readonly answer: AnswerCredentials;
  readonly health: Health;
  /** Finishes what is in flight, then stops. Safe to call again. */
  close(): Promise<void>;
}

/** What is in flight may take its whole deadline, and a little to be read. */
const STOP_SLACK_MS = 1_000;

/**
 * Listens first, so that nobody finds a closed door; what is not there yet is waited for by those who ask.
 *
 * @throws {BrokerError} `socket-in-use`, `socket-not-listening`
 */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const { config, clock, random, log, environment, version } = options;
  const deadlineMs = durationMs(config.request.deadline);
  const metrics = createMetrics({ clock, version });
  const upstreams = createUpstreams({ config, environment, clock });
  const closing = new AbortController();

  const principal = createInstancePrincipal({
    clock,
    random,
    sendMetadata: upstreams.sendMetadata,
    sendFederation: upstreams.send,
    metadataBaseUrls: config.metadata.baseUrl === undefined ? METADATA_BASE_URLS : [new URL(config.metadata.baseUrl)],
    authUrl: config.auth.endpoint === undefined ? undefined : new URL(config.auth.endpoint),
    ...createIdentityLog(log, metrics),
  });

  const logRegion = createFetchLog(log, "region");
  const homeRegion = createHomeRegionCache(principal, {
    clock,
    random,
    onEvent(event) {
      logRegion(event);
      if (event.type === "fetched" && config.registries.prefetch === undefined) prefetchHome();
    },
  });

  const logSession = createFetchLog(log, "session");
  const sessions = createSessionCache(principal, {
    clock,
    random,
    onEvent(event) {
      logSession(event);
      if (event.type === "fetched") metrics.sessionFetched(event.reason, "success");
      if (event.type === "failed") metrics.sessionFetched(event.reason, "failure");
    },
  });

  const registries = createRegistries({
    realmDomains: knownRealmDomains(),
    extraHosts: hostsNamedIn(config),
    endpoints: config.registries.endpoints,
    homeRegion,
  });
  const sendTo = (registryHost: string) =>
    observed(upstreams.send, clock, (result, elapsedMs) => metrics.registryAnswered(registryHost, result, elapsedMs));

  const logToken = createFetchLog(log, "token");
  const tokens = createTokenCache({
    sessions,
    sendTo,
    endpointOf: registries.endpointOf,
    clock,
    random,
    onEvent(event) {
      logToken(event);
      if (event.type === "fetched") metrics.tokenFetched(event.key, event.reason, "success");
      if (event.type === "failed") metrics.tokenFetched(event.key, event.reason, "failure");
    },
  });

  const access = new RepositoryAccess({
    clock,
    liveToken: (registryHost) => tokens.peek(registryHost),
    async probe(registryHost, repository) {
      const token = tokens.peek(registryHost);
      if (token === undefined) return "unknown";
      const ways = { send: sendTo(registryHost), endpoint: registries.endpointOf(registryHost) };
      return probeRepository(repository, token.value, ways, closing.signal);
    },
    refreshSession: () => sessions.refresh(SESSION),
    refreshToken: (registryHost) => tokens.refresh(registryHost),
    onEvent(event) {
      if (event.type === "reminted") metrics.reminted(event.registryHost);
      const { type, ...facts } = event;
      log[type === "probe-failed" ? "debug" : "info"](facts, `access ${type}`);
    },
  });

  const health = createHealth({
    clock,
    version,
    sessions,
    tokens,
    regionId: () => homeRegion.peek(HOME_REGION)?.value.id,
    expectsToken: config.registries.prefetch?.length !== 0,
  });
  const answer = createCredentials({ clock, deadlineMs, registries, tokens, access });

  const credentialsServer = createCredentialsServer({
    clock,
    answer,
    answerDockerCredential: createDockerCredential({ clock, deadlineMs, registries, tokens }),
    deadlineMs,
    onServed(served, elapsedMs) {
      metrics.requestServed(served.outcome, elapsedMs);
      logRequest(log, served, elapsedMs);
    },
  });
  const healthServer = createHealthServer({
    clock,
    health,
    renderMetrics() {
      metrics.read(health);
      return metrics.render();
    },
    onFailed: (code) => log.error({ code }, "health answer failed"),
  });

  function prefetchHome(): void {
    const region = homeRegion.peek(HOME_REGION);
    if (region !== undefined) keep(registryHostOf(region.value));
  }

  function keep(registryHost: string): void {
    metrics.nameRegistry(registryHost);
    tokens.keep(registryHost);
  }

  let stopping: Promise<void> | undefined;
  async function stop(): Promise<void> {
    log.info("stopping");
    access.close();
    await Promise.all([credentialsServer.stop(deadlineMs + STOP_SLACK_MS), healthServer.stop(STOP_SLACK_MS)]);
    closing.abort();
    tokens.close();
    sessions.close();
    homeRegion.close();
    metrics.close();
    await upstreams.close();
    log.info("stopped");
  }
  const close = (): Promise<void> => {
    stopping ??= stop();
    return stopping;
  };

  try {
    const handedOver = handedOverSockets(environment, options.pid);
    await credentialsServer.listen(addressOf(handedOver.credentials, config.sockets.credentials, 0o600));
    await healthServer.listen(addressOf(handedOver.health, config.sockets.health, 0o666));
  } catch (error) {
    await close();
    throw error;
  }
  sessions.keep(SESSION);
  homeRegion.keep(HOME_REGION);
  for (const registryHost of config.registries.prefetch ?? []) keep(registryHost);
  log.info({ version, sockets: config.sockets }, "listening");
  return { answer, health, close };
}

function addressOf(fd: number | undefined, path: string, mode: 0o600 | 0o666) {
  return fd === undefined ? { path, mode } : { fd };
}

/** Whatever the configuration names as a registry is one. */
function hostsNamedIn({ registries }: Config): string[] {
  return [...registries.extraHosts, ...(registries.prefetch ?? []), ...Object.keys(registries.endpoints)];
}
