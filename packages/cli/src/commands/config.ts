/** `ocir-broker config check|print|schema`: shows and checks the configuration before a service depends on it. */
import { isCopiedForDaemon, unreadableForDaemon } from "@ocir-broker/config/file-access";
import {
  checkConfig,
  configInvalid,
  pathOf as configPathOf,
  DEFAULT_CONFIG_PATH,
  loadConfig,
  parseYaml,
  readConfigText,
} from "@ocir-broker/config/load";
import { printConfig } from "@ocir-broker/config/print";
import { type Config, configJsonSchema } from "@ocir-broker/config/schema";
import { BrokerError } from "@ocir-broker/errors/broker-error";
import { readTrustedCertificates } from "@ocir-broker/foundation/trusted-certificates";
import { checkDomainSettings } from "@ocir-broker/identity/identity-domain/identity-domain";
import { IdentityError } from "@ocir-broker/identity/identity-error";
import { TokenExchangeError } from "@ocir-broker/identity/token-exchange/token-exchange-error";
import type { Command } from "commander";
import { CONFIG_OPTION, type ConfigOptions, describeSource } from "../config/config-source.ts";
import { environment } from "../process/environment.ts";

const COPIED =
  "the daemon's user may not read it, so ocir-broker.service copies it for that user at each start and reload\n";

const FILE = ["[file]", "the same as --config <file>"] as const;

export function addConfigCommand(program: Command): void {
  const config = program.command("config").description("check, print or describe the configuration");

  config
    .command("check")
    .description("report every error of the configuration; exit 1 if there is one")
    .argument(...FILE)
    .option(...CONFIG_OPTION)
    .action((file: string | undefined, { config: path = file }: ConfigOptions) => {
      checkConfigFile(path);
      process.exitCode = 0;
      process.stdout.write(`the configuration is valid: ${describeSource({ path, environment })}\n`);
      reportReaders(path);
      const { warning } = loadConfig({ path, environment });
      if (warning !== undefined) process.stderr.write(`ocir-broker: ${warning.what}; ${warning.fix}\n`);
    });

  config
    .command("print")
    .description("print the configuration in force, defaults and environment included")
    .argument(...FILE)
    .option(...CONFIG_OPTION)
    .action((file: string | undefined, { config: path = file }: ConfigOptions) => {
      process.stdout.write(printConfig(loadConfig({ path, environment }).config));
    });

  config
    .command("schema")
    .description("print the JSON Schema of the configuration file")
    .action(() => {
      process.stdout.write(`${JSON.stringify(configJsonSchema(), undefined, 2)}\n`);
    });
}

/** @throws {BrokerError} */
export function checkConfigFile(path: string | undefined): void {
  checkConfigText(readConfigText({ path, environment }), path);
}

/** @param path for the errors. @throws {BrokerError} */
export function checkConfigText(text: string | undefined, path: string | undefined): void {
  const checked = checkConfig(text ?? "", environment);
  if (!("config" in checked)) throw configInvalid({ path, environment }, checked, text);
  const problem = caFileProblem(checked.config) ?? domainProblem(checked.config);
  if (problem === undefined) return;
  const key = problem.slice(0, problem.indexOf(":"));
  const line = parseYaml(text ?? "").lineOf(key.split("."));
  const place = line === 0 ? "" : `line ${line}: `;
  throw new BrokerError("config-invalid", `${configPathOf({ path, environment })} is not valid:\n  ${place}${problem}`);
}

function reportReaders(path: string | undefined): void {
  const problem = unreadableForDaemon(path ?? DEFAULT_CONFIG_PATH);
  if (problem === undefined) return;
  if (path === undefined && isCopiedForDaemon(DEFAULT_CONFIG_PATH)) process.stdout.write(COPIED);
  else process.stderr.write(`ocir-broker: ${problem.what}; ${problem.fix}\n`);
}

/** The key and what is wrong with it, before a pod needs it. Whether its unit passes the daemon the secret, only the daemon can know. */
function domainProblem({ identity, serviceAccounts, identityDomain }: Config): string | undefined {
  if (serviceAccounts.tokenExchange !== "identity-domain") return undefined;
  if (identityDomain.authorization === "instance-principal" && identity.provider === "none")
    return "identityDomain.authorization: identity.provider is none; set it to client";
  try {
    checkDomainSettings({ settings: identityDomain, environment });
    return undefined;
  } catch (error) {
    if (!(error instanceof TokenExchangeError || error instanceof IdentityError)) throw error;
    const line = `${error.message}; ${error.row.next}`;
    const isUncertain = error.code === "domain-secret-missing" && identityDomain.clientSecretFile === undefined;
    if (!isUncertain) return line;
    process.stderr.write(`ocir-broker: unless the unit passes it: ${line}\n`);
    return undefined;
  }
}

function caFileProblem({ upstream: { caFile } }: Config): string | undefined {
  if (caFile === undefined || readTrustedCertificates(environment, caFile).length > 0) return undefined;
  return `upstream.caFile: no certificate can be read from ${caFile}, so no service would be trusted`;
}
