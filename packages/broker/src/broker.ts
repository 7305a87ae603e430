/**
 * The daemon, put together: which part is given to which. Owns the order of starting and stopping, nothing else.
 */
import { bootMs, type Clock, type Random } from "@ocir-broker/foundation";
import { createInstancePrincipal, METADATA_BASE_URLS } from "@ocir-broker/identity";
import { probeRepository, registryHostOf } from "@ocir-broker/ocir";
import { RepositoryAccess } from "./access.ts";
import { type ConfigChanges, changesBetween, reloaded } from "./config/changes.ts";
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
import { createLiveRegistries } from "./live-registries.ts";
import type { Log } from "./log.ts";
import { openMemory } from "./memory/memory.ts";
import { restore, stateOf } from "./memory/restore.ts";
import { createMetrics } from "./metrics.ts";
import { HOME_REGION, isAllowedNow } from "./registries.ts";
import { logRequest } from "./request-log.ts";
import { createSessionRefresh } from "./session-refresh.ts";
import { settledWithin } from "./settled-within.ts";
import { startTextfile, type Textfile } from "./textfile.ts";
import { createHomeRegionCache, createSessionCache, createTokenCache, SESSION } from "./tokens.ts";
import { createUpstreams, observed } from "./upstreams.ts";

export interface BrokerOptions {
  readonly config: Config;
  /** For sockets and memory handed over, and the system's certificates (SSL_CERT_FILE); proxies are in the config. */
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
  /** Brings into force what needs no restart. */
  takeOver(config: Config): ConfigChanges;
  /** Gives what is in flight 3 s to finish, then stops. Safe to call again. */
  close(): Promise<void>;
}

/**
 * Time for requests in flight at a stop. A healthy upstream answers well within it; one that is down must not hold up a
 * restart. A shim whose connection is closed asks once more, and its new connection waits in the socket for the next daemon.
 */
const STOP_GRACE_MS = 3_000;
/** For the metrics file and the health socket, which nobody waits for. */
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
  if (!upstreams.hasTrust) log.error("no certificate can be read from upstream.caFile, so no service is trusted");
  const closing = new AbortController();
  let inForce = config;

  const source = JSON.stringify([config.metadata.baseUrl, config.auth.endpoint]);
  const provider = createInstancePrincipal({
    clock,
    random,
    sendMetadata: upstreams.sendMetadata,
    sendFederation: upstreams.send,
    metadataBaseUrls: config.metadata.baseUrl === undefined ? METADATA_BASE_URLS : [new URL(config.metadata.baseUrl)],
    authUrl: config.auth.endpoint === undefined ? undefined : new URL(config.auth.endpoint),
    ...createIdentityLog(log, metrics),
  });
  const memory = openMemory({
    environment,
    clock,
    bootMs,
    log,
    source,
    provider: provider.name,
    snapshot: () => ({ ...stateOf(owners, source), config: inForce }),
  });

  const logRegion = createFetchLog(log, "region");
  const homeRegion = createHomeRegionCache(provider, {
    deadlineMs,
    clock,
    random,
    onEvent(event) {
      logRegion(event);
      if (event.type !== "failed") memory.changed();
      if (event.type === "fetched") prefetchHome();
    },
  });

  const sessionErrors = new WeakSet<Error>();
  const logSession = createFetchLog(log, "session");
  const sessions = createSessionCache(provider, {
    deadlineMs,
    clock,
    random,
    onEvent(event) {
      logSession(event);
      if (event.type !== "failed") memory.changed();
      if (event.type === "fetched") {
        metrics.sessionFetched(event.reason, "success");
        tokens.retry((error) => error instanceof Error && sessionErrors.has(error));
      }
      if (event.type === "failed") metrics.sessionFetched(event.reason, "failure");
    },
  });

  const registries = createLiveRegistries(config, homeRegion);
  const sendTo = (registryHost: string) =>
    observed(upstreams.send, clock, (result, elapsedMs) => metrics.registryAnswered(registryHost, result, elapsedMs));

  const logToken = createFetchLog(log, "token");
  const refreshSession = createSessionRefresh({ clock, refresh: () => sessions.refresh(SESSION) });
  const tokens = createTokenCache({
    sessions,
    refreshSession,
    sendTo,
    endpointOf: registries.endpointOf,
    sessionErrors,
    deadlineMs,
    clock,
    random,
    onEvent(event) {
      logToken(event);
      if (event.type !== "failed") memory.changed();
      if (event.type === "fetched") metrics.tokenFetched(event.key, event.reason, "success");
      if (event.type === "failed") metrics.tokenFetched(event.key, event.reason, "failure");
    },
  });

  const owners = { provider, homeRegion, sessions, tokens, registries };

  const access = new RepositoryAccess({
    clock,
    // The time, not the token: 2 048 repositories would keep as many old ones in memory.
    liveToken: (registryHost) => tokens.peek(registryHost)?.obtainedAtMs,
    async probe(registryHost, repository) {
      const token = tokens.peek(registryHost);
      if (token === undefined) return "unknown";
      const ways = { send: sendTo(registryHost), endpoint: registries.endpointOf(registryHost) };
      return probeRepository(repository, token.value, ways, closing.signal);
    },
    refreshSession,
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
    get expectsToken() {
      return inForce.registries.prefetch?.length !== 0;
    },
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
    renderMetrics,
    onFailed: (code) => log.error({ code }, "health answer failed"),
  });

  function renderMetrics(): Promise<string> {
    metrics.read(health);
    return metrics.render();
  }

  function prefetch(): void {
    for (const registryHost of inForce.registries.prefetch ?? []) keep(registryHost);
    prefetchHome();
  }

  function prefetchHome(): void {
    const region = homeRegion.peek(HOME_REGION);
    if (region !== undefined && inForce.registries.prefetch === undefined) keep(registryHostOf(region.value));
  }

  function keep(registryHost: string): void {
    metrics.nameRegistry(registryHost);
    tokens.keep(registryHost);
  }

  /** A host that gets no token any more gets no signed request either. */
  async function withdrawIfForeign(registryHost: string): Promise<void> {
    if (!(await isAllowedNow(registries, registryHost))) tokens.withdraw(registryHost);
  }

  function takeOver(next: Config): ConfigChanges {
    const changes = changesBetween(inForce, next);
    inForce = reloaded(inForce, next);
    log.level = inForce.log.level;
    for (const registryHost of registries.takeOver(inForce)) tokens.startOver(registryHost);
    for (const { key } of tokens.entries()) void withdrawIfForeign(key);
    prefetch();
    memory.changed();
    return changes;
  }

  let textfile: Textfile | undefined;
  let stopping: Promise<void> | undefined;
  async function release(): Promise<void> {
    access.close();
    await Promise.all([
      textfile && settledWithin(textfile.close(), STOP_SLACK_MS, clock),
      credentialsServer.stop(STOP_GRACE_MS),
      healthServer.stop(STOP_SLACK_MS),
    ]);
    closing.abort();
    memory.close();
    tokens.close();
    sessions.close();
    homeRegion.close();
    metrics.close();
    await upstreams.close();
  }
  async function stop(): Promise<void> {
    log.info("stopping");
    await release();
    log.info("stopped");
  }
  const close = (): Promise<void> => {
    stopping ??= stop();
    return stopping;
  };

  try {
    const recalled = memory.recall();
    if (recalled !== undefined) {
      await restore(recalled, owners, log);
      // The configuration may be another one, and a registry host may have been left out.
      memory.changed();
    }
    const handedOver = handedOverSockets(environment, options.pid);
    await credentialsServer.listen(addressOf(handedOver.credentials, config.sockets.credentials, 0o600));
    // Credentials do not depend on who can ask for health; and a folder that is systemd's is not ours to make a socket in.
    if (handedOver.credentials !== undefined && handedOver.health === undefined)
      log.error("no health socket handed over");
    else await healthServer.listen(addressOf(handedOver.health, config.sockets.health, 0o666));
  } catch (error) {
    await release();
    throw error;
  }
  sessions.keep(SESSION);
  homeRegion.keep(HOME_REGION);
  prefetch();
  textfile = startTextfile({
    path: config.metrics.textfile,
    clock,
    log,
    render() {
      metrics.textfileRendered();
      return renderMetrics();
    },
    onWritten: metrics.textfileWritten,
  });
  log.info({ version, sockets: config.sockets }, "listening");
  return { answer, health, takeOver, close };
}

function addressOf(fd: number | undefined, path: string, mode: 0o600 | 0o666) {
  return fd === undefined ? { path, mode } : { fd };
}
