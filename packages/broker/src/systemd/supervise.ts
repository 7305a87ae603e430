/** Connects the daemon to its service manager: readiness, status line, watchdog, reload and stop. */

import type { Clock } from "@ocir-broker/foundation";
import type { ConfigStatus } from "../config/config-status.ts";
import type { ConfigChanges } from "../config/diff.ts";
import type { ConfigSource, Environment } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import type { Health } from "../telemetry/health.ts";
import type { Log } from "../telemetry/log.ts";
import { hasFreeDescriptor } from "./free-descriptor.ts";
import { createNotifier } from "./notifier.ts";
import { selectTransport } from "./notify-transport.ts";
import { createReload } from "./reload.ts";
import { statusText } from "./status-line.ts";

/** The part of the daemon that supervision needs. */
interface Supervised {
  readonly health: Health;
  applyConfig(config: Config): ConfigChanges;
}

export interface SupervisionOptions {
  /** Must already listen. */
  readonly broker: Supervised;
  readonly configSource: ConfigSource;
  readonly configStatus: ConfigStatus;
  readonly environment: Environment;
  readonly clock: Clock;
  /** CLOCK_MONOTONIC in microseconds. */
  readonly kernelMonotonicUs: () => bigint;
  readonly log: Log;
  readonly pid: number;
}

export interface Supervision {
  reload(): void;
  stopping(): void;
}

/** Sends the readiness notification. */
export function superviseBroker(options: SupervisionOptions): Supervision {
  const { broker, configSource, configStatus: status, environment, log } = options;
  const { applyConfig } = broker;
  const reload = createReload({ source: configSource, status, applyConfig, log });
  const notifier = createNotifier({
    ...options,
    hasFreeDescriptor,
    transport: selectTransport(environment),
    statusText: () => statusText(broker.health.details(), status.note()),
  });
  notifier.ready();
  return {
    reload() {
      notifier.reloading();
      reload();
      notifier.ready();
    },
    stopping: () => notifier.stopping(),
  };
}
