/**
 * `ocir-broker serve`: the daemon, from configuration to signals.
 *
 * A configuration with faults does not keep it from running (docs/decisions/0013-a-faulty-configuration.md).
 * SIGTERM and SIGINT stop it after what is in flight is answered; SIGHUP reads the configuration again. Whatever
 * nobody caught ends it as soon as that is logged, since its state is then unknown; the service manager starts it again.
 */
import {
  createConfigStatus,
  createLog,
  lastConfig,
  loadLenientConfig,
  type Supervision,
  startBroker,
  superviseBroker,
} from "@ocir-broker/broker";
import { bootMs, createSystemClock, holdProcess, kernelMonotonicUs, systemRandom } from "@ocir-broker/foundation";
import type { Command } from "commander";
import { environment, keepFromChildren, version } from "../process/environment.ts";
import { hasPendingDnsLookup } from "../process/exit-now.ts";

/** What whoever started us as a service says to this process and to no other. */
const FOR_THIS_PROCESS = [
  "LISTEN_FDS",
  "LISTEN_FDNAMES",
  "LISTEN_PID",
  "OCIR_BROKER_NOTIFY_FD",
  "OCIR_BROKER_STATE_FD",
  "WATCHDOG_PID",
  "WATCHDOG_USEC",
];

/** For the last line to be written, or to be found unwritable. */
const LAST_LINE_MS = 100;

export function addServeCommand(program: Command): void {
  program
    .command("serve")
    .description("run the daemon: keep tokens, answer on the credentials and health sockets")
    .option("--config <file>", "configuration file (default: /etc/ocir-broker/config.yaml, which may be absent)")
    .action(serve);
}

async function serve(options: { config?: string }): Promise<void> {
  // Whatever comes before there is something to reload is caught up on then: this may have been read too early.
  let supervision: Supervision | undefined;
  let isReloadAsked = false;
  process.on("SIGHUP", () => {
    if (supervision === undefined) isReloadAsked = true;
    else supervision.reload();
  });
  const clock = createSystemClock();
  const { config, inForce, fault } = loadLenientConfig({ path: options.config, environment }, () =>
    lastConfig({ environment, clock, bootMs }),
  );
  const log = createLog({ level: config.log.level, environment });
  if (fault !== undefined) log.error({ error: fault, inForce }, "configuration has faults");
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      log.fatal({ err: error }, "ending: nobody caught this");
      clock.setTimer(() => process.exit(70), LAST_LINE_MS);
      holdProcess();
    });
  }
  keepFromChildren(FOR_THIS_PROCESS);

  const common = { environment, clock, log, pid: process.pid };
  const { config: configPath } = options;
  const configStatus = createConfigStatus(configPath, { inForce, fault });
  const { details: configDetails } = configStatus;
  const broker = await startBroker({ ...common, config, configDetails, random: systemRandom, version });
  supervision = superviseBroker({ ...common, broker, configPath, configStatus, kernelMonotonicUs });
  if (isReloadAsked) supervision.reload();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, async () => {
      supervision?.stopping();
      await broker.close();
      if (hasPendingDnsLookup()) clock.setTimer(() => endBy(signal), LAST_LINE_MS);
    });
  }
}

function endBy(signal: "SIGTERM" | "SIGINT"): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
