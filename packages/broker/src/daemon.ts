/** Wires the daemon's parts together. Owns only the order of starting and stopping. */
import { bootMs, type Clock, type Random, settledWithin } from "@ocir-broker/foundation";
import { createAppliedConfig } from "./applied-config.ts";
import type { ConfigDetails } from "./config/config-status.ts";
import type { ConfigChanges } from "./config/diff.ts";
import { durationMs } from "./config/duration.ts";
import type { Config } from "./config/schema.ts";
import { createCredentialCore } from "./core/core.ts";
import { createCoreAccess } from "./core/core-access.ts";
import { createCoreEvents } from "./core/core-events.ts";
import { createDaemonServers } from "./daemon-servers.ts";
import { openHandover } from "./handover/persist.ts";
import { restore, snapshotOf } from "./handover/restore.ts";
import { createDockerCredential } from "./pulls/docker-request.ts";
import { type AnswerCredentials, createCredentials } from "./pulls/kubelet-request.ts";
import { createHealth, type Health } from "./telemetry/health.ts";
import type { Log } from "./telemetry/log.ts";
import { createMetrics } from "./telemetry/metrics.ts";
import { startTextfile, type Textfile } from "./telemetry/textfile-exporter.ts";
import { SESSION } from "./tokens/caches.ts";
import { HOME_REGION } from "./tokens/registries.ts";
import { createUpstreams, instrumented } from "./tokens/upstreams.ts";

export interface BrokerOptions {
  readonly config: Config;
  /** The state of the configuration file, for the health socket. */
  readonly configDetails?: () => ConfigDetails;
  /** For socket activation, the handover, and the system's certificates (SSL_CERT_FILE); proxies are in the config. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly version: string;
  /** The process id that systemd passes the sockets to. */
  readonly pid: number;
}

export interface Broker {
  /** Answers a request body as the credentials socket does. */
  readonly answer: AnswerCredentials;
  readonly health: Health;
  /** Applies the keys of a new configuration that need no restart. */
  applyConfig(config: Config): ConfigChanges;
  /** Waits up to 3 s for requests in flight, then stops. May be called more than once. */
  close(): Promise<void>;
}

/** A hanging disk must not delay the stop. */
const TEXTFILE_STOP_MS = 1_000;

/**
 * Listens before session and tokens exist; callers wait for them.
 *
 * @throws {BrokerError} `socket-in-use`, `socket-not-listening`
 */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const { config, clock, random, log, environment, version } = options;
  const deadlineMs = durationMs(config.request.deadline);
  const metrics = createMetrics({ clock, version });
  const upstreams = createUpstreams({ config, environment, clock });
  if (!upstreams.hasTrust) log.error("no certificate can be read from upstream.caFile, so no service is trusted");
  const sendTo = (registryHost: string) =>
    instrumented(upstreams.send, clock, (result, elapsedMs) =>
      metrics.registryAnswered(registryHost, result, elapsedMs),
    );
  const core = createCredentialCore({
    config,
    clock,
    random,
    deadlineMs,
    sendMetadata: upstreams.sendMetadata,
    sendAuth: upstreams.send,
    sendTo,
    events: createCoreEvents({
      log,
      metrics,
      onChanged: () => handover.scheduleSave(),
      onHomeRegion: () => applied.pinHosts(),
    }),
  });
  const applied = createAppliedConfig({ config, core, log, metrics });
  const source = JSON.stringify([config.metadata.baseUrl, config.auth.endpoint]);
  const handover = openHandover({
    environment,
    clock,
    bootMs,
    log,
    source,
    provider: core.provider.name,
    snapshot: () => ({ ...snapshotOf(core, source), config: applied.current }),
  });

  const closing = new AbortController();
  const access = createCoreAccess({ core, clock, sendTo, log, metrics, signal: closing.signal });
  const health = createHealth({
    clock,
    version,
    sessions: core.sessions,
    tokens: core.tokens,
    regionId: () => core.homeRegion.peek(HOME_REGION)?.value.id,
    configDetails: options.configDetails,
    get expectsToken() {
      return applied.current.registries.prefetch?.length !== 0;
    },
  });
  const renderMetrics = (): Promise<string> => {
    metrics.read(health);
    return metrics.render();
  };
  const answer = createCredentials({ ...core, clock, deadlineMs, access });
  const answerDockerCredential = createDockerCredential({ ...core, clock, deadlineMs });
  const servers = createDaemonServers({
    ...options,
    deadlineMs,
    answer,
    answerDockerCredential,
    health,
    renderMetrics,
    metrics,
  });

  let textfile: Textfile | undefined;
  async function release(): Promise<void> {
    access.close();
    await Promise.all([textfile && settledWithin(textfile.close(), TEXTFILE_STOP_MS, clock), servers.stop()]);
    closing.abort();
    handover.close();
    core.close();
    metrics.close();
    await upstreams.close();
  }

  try {
    const loaded = handover.load();
    if (loaded !== undefined) {
      await restore(loaded, core, log);
      // The configuration may have changed, and a registry host may have been left out.
      handover.scheduleSave();
    }
    await servers.listen(config.sockets, environment, options.pid);
  } catch (error) {
    await release();
    throw error;
  }
  core.sessions.pin(SESSION);
  core.homeRegion.pin(HOME_REGION);
  applied.pinHosts();
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

  let stopping: Promise<void> | undefined;
  async function stop(): Promise<void> {
    log.info("stopping");
    await release();
    log.info("stopped");
  }
  function applyConfig(next: Config): ConfigChanges {
    const changes = applied.apply(next);
    handover.scheduleSave();
    return changes;
  }
  return { answer, health, applyConfig, close: () => (stopping ??= stop()) };
}
