/** `ocir-broker config check|print|schema`: shows and checks the configuration before a service depends on it. */
import { pathOf as configPathOf, DEFAULT_CONFIG_PATH, loadConfig } from "@ocir-broker/credentials/config/load";
import { printConfig } from "@ocir-broker/credentials/config/print";
import { type Config, configJsonSchema } from "@ocir-broker/credentials/config/schema";
import { BrokerError } from "@ocir-broker/credentials/errors/broker-error";
import { domainErrorOf } from "@ocir-broker/credentials/service-accounts/domain-error";
import { readTrustedCertificates } from "@ocir-broker/foundation/trusted-certificates";
import type { Command } from "commander";
import { CONFIG_OPTION, type ConfigOptions, configSource } from "../config/config-source.ts";
import { isCopiedForDaemon, unreadableForDaemon } from "../config-readers.ts";
import { environment } from "../process/environment.ts";

const COPIED =
  "its permissions keep the daemon's user out: ocir-broker.service copies it for that user at each start and reload\n";

export function addConfigCommand(program: Command): void {
  const config = program.command("config").description("check, print or describe the configuration");

  config
    .command("check")
    .description("report every error of the configuration; exit 1 if there is one")
    .option(...CONFIG_OPTION)
    .action(async (options: ConfigOptions) => {
      const config = loadConfig({ path: options.config, environment });
      if (config.upstream.caFile !== undefined) checkCaFile(config.upstream.caFile);
      await checkDomain(config, options.config);
      process.stdout.write(`the configuration is valid: ${configSource(options.config)}\n`);
      reportReaders(options.config);
    });

  config
    .command("print")
    .description("print the configuration in force, defaults and environment included")
    .option(...CONFIG_OPTION)
    .action((options: ConfigOptions) => {
      process.stdout.write(printConfig(loadConfig({ path: options.config, environment })));
    });

  config
    .command("schema")
    .description("print the JSON Schema of the configuration file")
    .action(() => {
      process.stdout.write(`${JSON.stringify(configJsonSchema(), undefined, 2)}\n`);
    });
}

function reportReaders(path: string | undefined): void {
  const problem = unreadableForDaemon(path ?? DEFAULT_CONFIG_PATH);
  if (problem === undefined) return;
  if (path === undefined && isCopiedForDaemon(DEFAULT_CONFIG_PATH)) process.stdout.write(COPIED);
  else process.stderr.write(`ocir-broker: ${problem}\n`);
}

async function checkDomain(config: Config, path: string | undefined): Promise<void> {
  const error = await domainErrorOf(config, environment);
  if (error?.isUncertain) process.stderr.write(`ocir-broker: unless the unit passes it: ${error.line}\n`);
  else if (error)
    throw new BrokerError("config-invalid", `${configPathOf({ path, environment })} is not valid:\n  ${error.line}`);
}

function checkCaFile(caFile: string): void {
  if (readTrustedCertificates(environment, caFile).length > 0) return;
  throw new BrokerError(
    "config-invalid",
    `upstream.caFile: no certificate can be read from ${caFile}, so no service would be trusted`,
  );
}
