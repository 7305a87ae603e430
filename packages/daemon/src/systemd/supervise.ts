/**
 * Connects the daemon to its service manager: readiness, status line, watchdog, reload (SIGHUP) and stop.
 *
 * A reload reads the configuration again and applies the live keys. A configuration with errors changes nothing; the errors are
 * logged, and the status line reports them until a reload succeeds. Where no configuration is in force, a valid one needs a new process.
 */
import type { ConfigChanges } from "@ocir-broker/config/config-changes";
import { ConfigError } from "@ocir-broker/config/config-error";
import type { LastValidConfig } from "@ocir-broker/config/last-valid-config";
import { type ConfigSource, loadConfig } from "@ocir-broker/config/load";
import type { Config } from "@ocir-broker/config/schema";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { ConfigStatus } from "../config/config-status.ts";
import type { Health } from "../health/health.ts";
import type { Log } from "../telemetry/log.ts";
import { hasFreeDescriptor } from "./free-descriptor.ts";
import { createNotifier } from "./notifier.ts";
import { selectTransport } from "./notify-transport.ts";
import { statusText } from "./status-line.ts";

export interface SupervisionOptions {
  /** WATCHDOG_USEC, WATCHDOG_PID and OCIR_BROKER_NOTIFY_FD. */
  readonly environment: NodeJS.ProcessEnv;
  readonly pid: number;
  readonly clock: Clock;
  /** CLOCK_MONOTONIC in microseconds. */
  readonly kernelMonotonicUs: () => bigint;
  readonly log: Log;
  /** Must already listen. */
  readonly broker: { readonly health: Health; applyConfig(config: Config): ConfigChanges };
  /** As at the start. */
  readonly configSource: ConfigSource;
  readonly configStatus: ConfigStatus;
  readonly lastValidConfig: LastValidConfig;
}

/** Sends the readiness notification. */
export function superviseBroker(options: SupervisionOptions) {
  const { broker, configSource, configStatus: status, lastValidConfig } = options;
  const { environment, pid, clock, kernelMonotonicUs, log } = options;
  const notifier = createNotifier({
    transport: selectTransport(environment),
    environment,
    pid,
    clock,
    kernelMonotonicUs,
    hasFreeDescriptor,
    log,
    statusText: () => statusText(broker.health.details(), status.note()),
  });
  notifier.ready();

  function reload(): "done" | "restart" {
    try {
      const loaded = loadConfig(configSource);
      if (status.details().inForce === "nothing") {
        log.info("the configuration is valid: ending, to start again with it");
        return "restart";
      }
      const { live, atRestart } = broker.applyConfig(loaded.config);
      log.info({ changed: live, needRestart: atRestart }, "configuration reloaded");
      if (loaded.warning !== undefined) log.warn(loaded.warning, "the configuration needs attention");
      status.reloaded(loaded, atRestart);
      lastValidConfig.update(loaded);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const stays = status.details().inForce === "nothing" ? "none is in force" : "the previous one stays in force";
      log.error({ error }, `configuration not reloaded; ${stays}`);
      status.refused(error);
    }
    return "done";
  }

  return {
    /** @returns "restart" if this process has no configuration, and the next one will. */
    reload(): "done" | "restart" {
      notifier.reloading();
      const result = reload();
      notifier.ready();
      return result;
    },
    stopping: notifier.stopping,
  };
}
