/** Wires the daemon's parts together. Owns only the order of starting and stopping. */
import { EventEmitter } from "node:events";
import type { ConfigChanges } from "@ocir-broker/config/config-changes";
import type { ConfigError } from "@ocir-broker/config/config-error";
import { durationMs } from "@ocir-broker/config/duration";
import type { Config } from "@ocir-broker/config/schema";
import type { Decide } from "@ocir-broker/credentials/pulls/decision";
import { createDockerCredentials } from "@ocir-broker/credentials/pulls/docker-credentials";
import { createKubeletCredentials } from "@ocir-broker/credentials/pulls/kubelet-credentials";
import { HOME_REGION, type Registries } from "@ocir-broker/credentials/tokens/registries";
import { SESSION } from "@ocir-broker/credentials/tokens/session-refresh";
import { codeOf } from "@ocir-broker/errors/describe-error";
import type { Random } from "@ocir-broker/foundation/random";
import { bootMs, type Clock } from "@ocir-broker/foundation/time/clock";
import { hasIdentity } from "@ocir-broker/identity/identity-providers";
import type { ConfigDetails } from "@ocir-broker/protocol/health";
import { createAppliedConfig } from "./config/applied-config.ts";
import type { CredentialChanges } from "./credentials/credential-events.ts";
import { createDaemonCredentials } from "./credentials/daemon-credentials.ts";
import { createDaemonServers } from "./daemon-servers.ts";
import { openHandover } from "./handover/handover.ts";
import { restore, snapshotOf } from "./handover/restore.ts";
import { createHealth } from "./health/health.ts";
import type { Log } from "./telemetry/log.ts";
import { createMetrics } from "./telemetry/metrics/metrics.ts";
import { OngoingFailure } from "./telemetry/ongoing-failure.ts";
import { createTextfile } from "./telemetry/textfile-exporter.ts";

export interface DaemonOptions {
  readonly config: Config;
  /** Why no configuration is in force: each call fails with it, and nothing is asked. */
  readonly configError?: ConfigError | undefined;
  /** The state of the configuration file. */
  readonly configDetails?: (() => ConfigDetails) | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly version: string;
  /** For socket activation, the handover, and the system's certificates (SSL_CERT_FILE); proxies are in the config. */
  readonly environment: NodeJS.ProcessEnv;
  /** The process id that systemd passes the sockets to. */
  readonly pid: number;
}

/**
 * Listens before session and tokens exist; callers wait for them.
 *
 * @throws {BrokerError} `socket-in-use`, `socket-not-listening`
 */
export async function startDaemon(options: DaemonOptions) {
  const { config, configError, configDetails, clock, random, log, version, environment, pid } = options;
  log.info({ version, identity: config.identity.provider }, "starting");
  const deadlineMs = durationMs(config.request.deadline);
  const metrics = createMetrics(clock, version, hasIdentity(config.identity.provider));
  const changes: CredentialChanges = new EventEmitter();
  const credentials = createDaemonCredentials({
    config,
    clock,
    random,
    log,
    metrics,
    deadlineMs,
    environment,
    changes,
  });
  const { sessions, tokens, homeRegion, access } = credentials;

  const applied = createAppliedConfig({ config, credentials, log, metrics });
  changes.on("homeRegion", applied.pinHosts);

  const stateFailure = new OngoingFailure(log, "state not written");
  const handover = openHandover({
    environment,
    clock,
    bootMs,
    log,
    failure: stateFailure,
    snapshot: () => snapshotOf(credentials),
  });
  changes.on("state", handover.scheduleSave);

  const textfileFailure = new OngoingFailure(log, "metrics file not written");
  const health = createHealth({
    clock,
    version,
    identity: credentials.provider.name,
    sessions,
    tokens,
    configDetails,
    expectsToken: () => applied.current.registries.prefetch?.length !== 0,
    unwritten: () => ({ metrics: textfileFailure.code ?? null, state: stateFailure.code ?? null }),
    regionId: () => homeRegion.peek(HOME_REGION)?.value.id,
    serviceAccountCount: credentials.serviceAccountCount,
    serviceAccountFailures: credentials.serviceAccountFailures,
    deniedRepositories: () => access.denied(),
  });

  function renderMetrics(): Promise<string> {
    const isConfigValid = (health.config()?.error ?? null) === null;
    metrics.read({ isServing: health.isServing(), isConfigValid, sessions, tokens });
    return metrics.render();
  }

  const textfile = createTextfile({
    path: config.metrics.textfile,
    clock,
    failure: textfileFailure,
    render() {
      metrics.textfile.rendered();
      return renderMetrics();
    },
    onWritten: metrics.textfile.written,
  });

  const registries = configError === undefined ? credentials.registries : refusing(credentials.registries, configError);
  const decideForKubelet = createKubeletCredentials({
    clock,
    deadlineMs,
    registries,
    pullTokens: credentials.pullTokens,
    access,
  });
  let hasFailedClosed = false;
  const decide: Decide = async (body) => {
    const decision = await decideForKubelet(body);
    credentials.onPull(decision);
    if (decision.outcome === "anonymous") hasFailedClosed = true;
    return decision;
  };
  const decideForDocker = createDockerCredentials({
    clock,
    deadlineMs,
    registries,
    tokens,
    settings: config.serviceAccounts,
    hasFailedClosed: () => hasFailedClosed,
  });
  const servers = createDaemonServers({
    clock,
    log,
    deadlineMs,
    decide,
    decideForDocker,
    health,
    renderMetrics,
    metrics,
  });

  async function restoreState(): Promise<void> {
    const loaded = handover.load();
    if (loaded === undefined) return;
    await restore(loaded, credentials, log).catch((error: unknown) =>
      log.warn({ code: codeOf(error) }, "state of an earlier process ignored"),
    );
    handover.save();
  }

  async function release(): Promise<void> {
    access.close();
    await Promise.all([textfile.close(), servers.stop()]);
    handover.close();
    await credentials.close();
    metrics.close();
  }

  try {
    await restoreState();
    await servers.listen(config.sockets, environment, pid);
  } catch (error) {
    await release();
    throw error;
  }
  if (hasIdentity(credentials.provider.name)) {
    sessions.pin(SESSION);
    homeRegion.pin(HOME_REGION);
  }
  applied.pinHosts();
  textfile.begin();
  log.info({ version, sockets: config.sockets }, "listening");

  let stopping: Promise<void> | undefined;
  async function stop(): Promise<void> {
    log.info("stopping");
    await release();
    log.info("stopped");
  }
  return {
    /** For a body on the credentials socket. */
    decide,
    health,
    /** Applies the keys of a new configuration that need no restart. */
    applyConfig: (next: Config): ConfigChanges => applied.apply(next),
    /** Waits up to 3 s for requests in flight, then stops. May be called more than once. */
    close: () => (stopping ??= stop()),
  };
}

/** The rules ask for every host, before anything else is asked. */
function refusing(registries: Registries, error: ConfigError): Registries {
  return { ...registries, isAllowed: () => Promise.reject(error) };
}
