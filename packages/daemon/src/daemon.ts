/** Wires the daemon's parts together. Owns only the order of starting and stopping. */
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
import { bootMs } from "@ocir-broker/foundation/time/clock";
import { hasIdentity } from "@ocir-broker/identity/identity-providers";
import { createAppliedConfig } from "./config/applied-config.ts";
import { createDaemonCredentials, type DaemonCredentialsOptions } from "./credentials/daemon-credentials.ts";
import { createDaemonServers } from "./daemon-servers.ts";
import { openHandover } from "./handover/handover.ts";
import { restore, snapshotOf } from "./handover/restore.ts";
import { createHealth, type HealthOptions } from "./health/health.ts";
import { createMetrics } from "./telemetry/metrics/metrics.ts";
import { startTextfile, type Textfile } from "./telemetry/textfile-exporter.ts";

export interface DaemonOptions
  extends Pick<DaemonCredentialsOptions, "config" | "clock" | "random" | "log">,
    Pick<HealthOptions, "version" | "configDetails"> {
  /** Why no configuration is in force: each call fails with it, and nothing is asked. */
  readonly configError?: ConfigError | undefined;
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
  const { config, configError, clock, log, environment, version } = options;
  log.info({ version, identity: config.identity.provider }, "starting");
  const deadlineMs = durationMs(config.request.deadline);
  const metrics = createMetrics(clock, version, hasIdentity(config.identity.provider));
  const credentials = createDaemonCredentials({
    ...options,
    deadlineMs,
    metrics,
    onChanged: () => handover.scheduleSave(),
    onHomeRegion: () => applied.pinHosts(),
  });
  let textfile: Textfile | undefined;
  const applied = createAppliedConfig({ config, credentials, log, metrics });
  const handover = openHandover({ ...options, bootMs, snapshot: () => snapshotOf(credentials) });
  const health = createHealth({
    ...options,
    ...credentials,
    unwritten: () => ({ metrics: textfile?.failure() ?? null, state: handover.failure() ?? null }),
    regionId: () => credentials.homeRegion.peek(HOME_REGION)?.value.id,
    deniedRepositories: () => credentials.access.denied(),
    identity: credentials.provider.name,
    expectsToken: () => applied.current.registries.prefetch?.length !== 0,
  });
  const registries = configError === undefined ? credentials.registries : refusing(credentials.registries, configError);
  const decideForKubelet = createKubeletCredentials({ ...credentials, registries, clock, deadlineMs });
  let hasFailedClosed = false;
  const decide: Decide = async (body) => {
    const decision = await decideForKubelet(body);
    credentials.onPull(decision);
    if (decision.outcome === "anonymous") hasFailedClosed = true;
    return decision;
  };
  const servers = createDaemonServers({
    ...options,
    deadlineMs,
    decide,
    decideForDocker: createDockerCredentials({
      ...credentials,
      registries,
      clock,
      deadlineMs,
      settings: config.serviceAccounts,
      hasFailedClosed: () => hasFailedClosed,
    }),
    health,
    renderMetrics,
    metrics,
  });
  function renderMetrics(): Promise<string> {
    const { sessions, tokens } = credentials;
    const isConfigValid = (health.config()?.error ?? null) === null;
    metrics.read({ isServing: health.isServing(), isConfigValid, sessions, tokens });
    return metrics.render();
  }

  async function restoreState(): Promise<void> {
    const loaded = handover.load();
    if (loaded === undefined) return;
    await restore(loaded, credentials, log).catch((error: unknown) =>
      log.warn({ code: codeOf(error) }, "state of an earlier process ignored"),
    );
    handover.save();
  }

  async function release(): Promise<void> {
    credentials.access.close();
    await Promise.all([textfile?.close(), servers.stop()]);
    handover.close();
    await credentials.close();
    metrics.close();
  }

  try {
    await restoreState();
    await servers.listen(config.sockets, environment, options.pid);
  } catch (error) {
    await release();
    throw error;
  }
  if (hasIdentity(credentials.provider.name)) {
    credentials.sessions.pin(SESSION);
    credentials.homeRegion.pin(HOME_REGION);
  }
  applied.pinHosts();
  textfile = startTextfile({
    ...{ path: config.metrics.textfile, clock, log },
    render() {
      metrics.textfile.rendered();
      return renderMetrics();
    },
    onWritten: metrics.textfile.written,
  });
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
