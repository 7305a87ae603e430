/**
 * `ocir-broker serve`: runs the daemon, from configuration to signals.
 *
 * An invalid configuration does not stop it (docs/decisions/0037-the-last-valid-configuration.md).
 * SIGTERM and SIGINT shut it down gracefully; SIGHUP reloads the configuration. An uncaught error is logged and then
 * ends the process, because its state is unknown; the service manager starts it again.
 */
import { findConfig } from "@ocir-broker/config/config-in-force";
import { createLastValidConfig } from "@ocir-broker/config/last-valid-config";
import { pathOf as configPathOf } from "@ocir-broker/config/load";
import { createConfigStatus } from "@ocir-broker/daemon/config/config-status";
import { startDaemon } from "@ocir-broker/daemon/daemon";
import { superviseBroker } from "@ocir-broker/daemon/systemd/supervise";
import { createLog } from "@ocir-broker/daemon/telemetry/log";
import { systemRandom } from "@ocir-broker/foundation/random";
import { createSystemClock, holdProcess, kernelMonotonicUs } from "@ocir-broker/foundation/time/clock";
import type { Command } from "commander";
import { CONFIG_OPTION, type ConfigOptions, sourceOf, USER_OPTION } from "../config/config-source.ts";
import { environment, keepFromChildren, version } from "../process/environment.ts";
import { hasPendingDnsLookup } from "../process/exit-now.ts";

/** Variables that the service manager and the launcher set for this process only. */
const FOR_THIS_PROCESS = [
  "LISTEN_FDS",
  "LISTEN_FDNAMES",
  "LISTEN_PID",
  "OCIR_BROKER_CONFIG_FOLDER",
  "OCIR_BROKER_NOTIFY_FD",
  "OCIR_BROKER_STATE_FILE",
  "WATCHDOG_PID",
  "WATCHDOG_USEC",
];

/** Time for the last log line to be written, or to fail. */
const LAST_LINE_MS = 100;

export function addServeCommand(program: Command): void {
  program
    .command("serve")
    .description("run the daemon: renew tokens, and serve the credentials and health sockets")
    .option(...CONFIG_OPTION)
    .option(...USER_OPTION)
    .action(serve);
}

async function serve(options: ConfigOptions): Promise<void> {
  // A SIGHUP before the daemon can reload is remembered, because the configuration may have been read before it changed.
  let isReloadPending = false;
  let reload = (): void => {
    isReloadPending = true;
  };
  process.on("SIGHUP", () => reload());
  const clock = createSystemClock();
  const source = sourceOf(options);
  const lastValidConfig = createLastValidConfig(environment["OCIR_BROKER_CONFIG_FOLDER"], (code) =>
    log.warn({ code }, "the last valid configuration was not kept"),
  );
  const found = findConfig(source, lastValidConfig.read);
  const { config, inForce, configError, warning } = found;
  const log = createLog({ level: config.log.level, environment });
  if (configError !== undefined) log.error({ error: configError, inForce }, "the configuration has errors");
  if (warning !== undefined) log.warn(warning, "the configuration needs attention");
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      log.fatal({ err: error }, "ending after an uncaught error");
      clock.setTimer(() => process.exit(70), LAST_LINE_MS);
      holdProcess();
    });
  }
  keepFromChildren(FOR_THIS_PROCESS);

  const common = { environment, clock, log, pid: process.pid };
  const configStatus = createConfigStatus(configPathOf(source), found);
  const broker = await startDaemon({
    ...common,
    config,
    configError: inForce === "nothing" ? configError : undefined,
    configDetails: configStatus.details,
    random: systemRandom,
    version,
  });
  const supervision = superviseBroker({
    ...common,
    broker,
    configSource: source,
    configStatus,
    lastValidConfig,
    kernelMonotonicUs,
  });
  lastValidConfig.update(found);
  async function stop(signal: "SIGTERM" | "SIGINT"): Promise<void> {
    supervision.stopping();
    await broker.close();
    if (hasPendingDnsLookup()) clock.setTimer(() => endBy(signal), LAST_LINE_MS);
  }
  reload = () => {
    // The service manager starts the next process.
    if (supervision.reload() === "restart") void stop("SIGTERM");
  };
  if (isReloadPending) reload();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop(signal));
}

function endBy(signal: "SIGTERM" | "SIGINT"): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
