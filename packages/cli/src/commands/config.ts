/** `ocir-broker config check|print|schema`: what the configuration is, before a service depends on it. */
import { configJsonSchema, DEFAULT_CONFIG_PATH, loadConfig, printConfig } from "@ocir-broker/broker";
import type { Command } from "commander";
import { configSource } from "../config-source.ts";
import { environment } from "../environment.ts";

interface ConfigOptions {
  readonly config?: string;
}

export function addConfigCommand(program: Command): void {
  const config = program.command("config").description("check, print or describe the configuration");

  config
    .command("check")
    .description("say every fault of the configuration; exit 1 if there is one")
    .option("--config <file>", `configuration file (default: ${DEFAULT_CONFIG_PATH}, which may be absent)`)
    .action((options: ConfigOptions) => {
      loadConfig({ path: options.config, environment });
      process.stdout.write(`the configuration is valid: ${configSource(options.config)}\n`);
    });

  config
    .command("print")
    .description("print the configuration in force, defaults and environment included")
    .option("--config <file>", `configuration file (default: ${DEFAULT_CONFIG_PATH}, which may be absent)`)
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
