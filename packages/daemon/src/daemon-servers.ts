/** The daemon's two servers: credentials for root, health for root and a group. Owns the order in which they open and close. */
import type { Server } from "node:net";
import type { Config } from "@ocir-broker/config/schema";
import type { Decide, Decision } from "@ocir-broker/credentials/pulls/decision";
import { codeOf } from "@ocir-broker/errors/describe-error";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { Health } from "./health/health.ts";
import { createCredentialsServer } from "./http/credentials-server.ts";
import { createHealthServer } from "./http/health-server.ts";
import { listenOn } from "./http/listen.ts";
import { listenFds } from "./systemd/socket-activation.ts";
import type { Log } from "./telemetry/log.ts";
import type { Metrics } from "./telemetry/metrics/metrics.ts";

export interface DaemonServersOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Time limit of a response. */
  readonly deadlineMs: number;
  readonly decide: Decide;
  readonly decideForDocker: Decide;
  readonly health: Health;
  readonly renderMetrics: () => Promise<string>;
  readonly metrics: Pick<Metrics, "requests">;
}

/**
 * Time for requests in flight at a stop. A healthy upstream responds well within it; one that is down must not delay a
 * restart. A shim whose connection is closed connects again, and waits in the socket's backlog for the next daemon.
 */
const STOP_GRACE_MS = 3_000;
/** The same for the health socket: shorter, because no pull depends on it. */
const HEALTH_STOP_GRACE_MS = 1_000;

export function createDaemonServers(options: DaemonServersOptions) {
  const { clock, log, deadlineMs, decide, decideForDocker, health, renderMetrics, metrics } = options;
  const credentials = createCredentialsServer({
    clock,
    deadlineMs,
    decide,
    decideForDocker,
    onServed(served, elapsedMs) {
      metrics.requests.served(served, elapsedMs);
      logRequest(log, served, elapsedMs);
    },
  });
  const healthServer = createHealthServer({
    clock,
    health,
    renderMetrics,
    onFailed: (code) => log.error({ code }, "health response failed"),
  });

  return {
    /** @throws {BrokerError} `socket-in-use`, `socket-not-listening` */
    async listen(sockets: Config["sockets"], environment: NodeJS.ProcessEnv, pid: number) {
      const activated = listenFds(environment, pid);
      await credentials.listen(socketAt(activated.credentials, sockets.credentials, 0o600));
      // Credentials must work without health, and the daemon cannot create a socket in systemd's folder.
      if (activated.credentials !== undefined && activated.health === undefined)
        log.error(
          "systemd passed no health socket; run systemd-sysusers, then systemctl restart ocir-broker.service; " +
            "see journalctl -u ocir-broker-health.socket",
        );
      else await healthServer.listen(socketAt(activated.health, sockets.health, 0o660));
    },
    async stop() {
      await Promise.all([credentials.stop(STOP_GRACE_MS), healthServer.stop(HEALTH_STOP_GRACE_MS)]);
    },
  };
}

function socketAt(fd: number | undefined, path: string, mode: 0o600 | 0o660) {
  return (server: Server) => listenOn(server, fd === undefined ? { path, mode } : { fd });
}

function logRequest(log: Log, decision: Decision, elapsedMs: number): void {
  const { outcome, body, image, identity, account, error } = decision;
  const durationMs = Math.round(elapsedMs * 1_000) / 1_000;
  const { registryHost, repository } = image ?? {};
  const facts = { outcome, durationMs, registryHost, repository, account, identity };
  // An upstream's failure has its own line, so its code is enough here.
  const failed = { ...facts, code: codeOf(error) };
  if (error === undefined) log.info(facts, "request answered");
  else if (body === undefined) log.warn(failed, "request failed");
  else if (outcome === "anonymous") log.warn(failed, "request answered without a token");
  else log.warn(failed, "request answered with fallback");
}
