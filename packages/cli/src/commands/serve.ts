/**
 * `ocir-broker serve`: the daemon, from configuration to signals.
 *
 * SIGTERM and SIGINT stop it after what is in flight is answered. Whatever nobody caught ends it at once, since
 * its state is then unknown; the service manager starts it again.
 */
import { createLog, loadConfig, startBroker } from "@ocir-broker/broker";
import { createSystemClock, systemRandom } from "@ocir-broker/foundation";
import type { Command } from "commander";
import { environment, version } from "../environment.ts";

export function addServeCommand(program: Command): void {
  program
    .command("serve")
    .description("run the daemon: keep tokens, answer on the credentials and health sockets")
    .option("--config <file>", "configuration file (default: /etc/ocir-broker/config.yaml, which may be absent)")
    .action(serve);
}

async function serve(options: { config?: string }): Promise<void> {
  const config = loadConfig({ path: options.config, environment });
  const log = createLog({ level: config.log.level, environment });
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      log.fatal({ err: error }, "ending: nobody caught this");
      process.exit(70);
    });
  }
  const broker = await startBroker({
    config,
    environment,
    clock: createSystemClock(),
    random: systemRandom,
    log,
    version,
    pid: process.pid,
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void broker.close());
}
