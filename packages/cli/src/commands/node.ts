/**
 * `ocir-broker node install|connect|disconnect|remove|status`: puts ocir-broker to use on this node, and undoes it. Exit status 1:
 * failed, and everything is as it was before; 75: install again from the archive, or, with `--restart`, the kubelet was not seen to run.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import sea from "node:sea";
import { readConfigText } from "@ocir-broker/config/load";
import { connectNode, disconnectNode } from "@ocir-broker/installer/commands/connect";
import { type InstallCommand, installNode } from "@ocir-broker/installer/commands/install";
import { removeNode } from "@ocir-broker/installer/commands/remove";
import { statusOfNode } from "@ocir-broker/installer/commands/status";
import { describeConnection, describeInstallation, describeRemoval } from "@ocir-broker/installer/dry-run";
import { InstallError } from "@ocir-broker/installer/install-error";
import { PROGRAM_NAME } from "@ocir-broker/installer/installed-files";
import type { ConnectOptions } from "@ocir-broker/installer/kubelet/kubelet-paths";
import { connectAndRestart, disconnectAndRestart, LIMIT_SECONDS } from "@ocir-broker/installer/kubelet-restart";
import { createNodeFiles } from "@ocir-broker/node/node-files";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type OutputOption, printDryRun, runNodeCommand } from "../node-command.ts";
import { environment } from "../process/environment.ts";
import { checkConfigFile, checkConfigText } from "./config.ts";

interface ConnectCommandOptions extends OutputOption, ConnectOptions {
  readonly dryRun?: true;
}

interface RestartCommandOptions {
  readonly kubeletFlags?: boolean | undefined;
  readonly restart?: true;
  readonly limit: number;
}

interface InstallCommandOptions extends ConnectCommandOptions {
  readonly from?: string;
  readonly config?: string;
  readonly connect?: true;
}

export function addNodeCommand(program: Command): void {
  const node = program
    .command("node")
    .description("install ocir-broker on this node, connect its kubelet, and undo both");

  const install = node
    .command("install")
    .description("install or upgrade, and check that the daemon responds; a failure restores the previous version")
    .option("--from <directory>", "the unpacked archive; default: the installed files")
    .option("--config <file>", "the broker's configuration of this node, instead of its own file; -: standard input")
    .option("--connect", "also connect the kubelet, as `node connect` does");
  addConnectOptions(install).action((options: InstallCommandOptions) => runInstall(options));

  const connect = node
    .command("connect")
    .description("add our credential provider to the kubelet's configuration, checked by the rules of its version");
  addRestartOptions(addConnectOptions(connect), "take the flags back if it does not run with them")
    .addHelpText(
      "after",
      `
Examples:
  ocir-broker node connect --dry-run
  ocir-broker node connect --kubelet-flags --restart
  ocir-broker node connect --service-accounts https://kubernetes.default.svc.cluster.local`,
    )
    .action(async (options: ConnectCommandOptions & RestartCommandOptions) => {
      const { restart, limit: limitSeconds } = options;
      expectFlags(connect, options);
      if (options.dryRun) return printDryRun((context) => describeConnection(context, options));
      await runNodeCommand(options, (context, signal) =>
        restart ? connectAndRestart(context, options, { limitSeconds, signal }) : connectNode(context, signal, options),
      );
    });

  const disconnect = node
    .command("disconnect")
    .description("restore what `node connect` has changed")
    .option("--kubelet-flags", "only the kubelet's flags")
    .addOption(outputOption(["text", "json"]));
  addRestartOptions(disconnect, "watch whether it runs without them").action(
    (options: OutputOption & RestartCommandOptions) => {
      const { restart, limit: limitSeconds, kubeletFlags } = options;
      expectFlags(disconnect, options);
      return runNodeCommand(options, (context, signal) =>
        restart
          ? disconnectAndRestart(context, { limitSeconds, signal })
          : disconnectNode(context, signal, { isOnlyFlags: kubeletFlags === true }),
      );
    },
  );

  node
    .command("remove")
    .description("remove ocir-broker, and restore what was there before")
    .addOption(dryRunOption("show as a diff what would change in files that are not ours; change nothing"))
    .addOption(outputOption(["text", "json"]))
    .action(async (options: OutputOption & { readonly dryRun?: true }) => {
      if (options.dryRun) await printDryRun(describeRemoval);
      else await runNodeCommand(options, removeNode);
    });

  node
    .command("status")
    .description("show the installed version, the files that were changed, and what the kubelet still needs")
    .addOption(outputOption(["text", "json"]))
    .action((options: OutputOption) => runNodeCommand(options, statusOfNode));
}

function addConnectOptions(command: Command): Command {
  return command
    .option("--kubelet-args <arguments>", "the arguments that a bootstrap will give the kubelet, as one text")
    .option("--kubelet-config <path>", "the kubelet's --image-credential-provider-config")
    .option("--bin-dir <path>", "the kubelet's --image-credential-provider-bin-dir")
    .option("--kubelet-version <version>", "1.33, v1.33.2, or what `kubelet --version` prints")
    .option("--service-accounts <audience>", "pods pull with their service accounts: the audience of their tokens")
    .option("--kubelet-flags", "also add the flags to a file of the kubelet's unit")
    .addOption(dryRunOption("show as a diff what would change in files that are not ours; change nothing"))
    .addOption(outputOption(["text", "json", "flags"]));
}

function addRestartOptions(command: Command, then: string): Command {
  return command
    .option(
      "--restart",
      `with --kubelet-flags: restart the kubelet, and ${then}; exit status 75: it is unknown whether it runs`,
    )
    .option("--limit <seconds>", "how long --restart waits for the kubelet", seconds, LIMIT_SECONDS);
}

/** At least 10: it looks every 2 seconds, and twice at a kubelet that runs. */
function seconds(text: string): number {
  if (!/^[1-9]\d{1,4}$/.test(text)) throw new InvalidArgumentError("write a number of seconds from 10 on, like 100");
  return Number(text);
}

function expectFlags(command: Command, { restart, kubeletFlags }: RestartCommandOptions): void {
  if (restart && !kubeletFlags) command.error("error: option '--restart' needs --kubelet-flags");
}

function outputOption(forms: readonly string[]): Option {
  return new Option("--output <form>", "text for people, json for programs").choices(forms).default("text");
}

/** Its text has no other form. */
function dryRunOption(description: string): Option {
  return new Option("--dry-run", description).conflicts("output");
}

async function runInstall(options: InstallCommandOptions): Promise<void> {
  const { from, config, connect, dryRun } = options;
  const command = (): InstallCommand => ({
    from,
    given: givenIn(config),
    connect: connect ? options : undefined,
    checkConfig: (given) =>
      given === undefined
        ? checkConfigFile(undefined)
        : checkConfigText(given, config === "-" ? "the given one" : config),
  });
  if (dryRun) return printDryRun((context) => describeInstallation(context, command()));
  await runNodeCommand(options, (context, signal) => {
    expectOwnArchive(from);
    return installNode(context, signal, command());
  });
}

/** @throws {InstallError} `config` */
function givenIn(file: string | undefined): string | undefined {
  try {
    return file === "-" ? readFileSync(0, "utf8") : file && readConfigText({ path: file, environment });
  } catch (error) {
    throw new InstallError("config", error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** @throws {InstallError} unless this program is the archive's own, because the recorded version is this program's. */
export function expectOwnArchive(from: string | undefined): void {
  if (from === undefined || !sea.isSea()) return;
  const program = join(from, PROGRAM_NAME);
  // Compares inodes, because the path of a program in another mount namespace has no meaning here.
  const isOwn = createNodeFiles("/").isSame(program, "/proc/self/exe");
  const reason =
    isOwn === false
      ? `this is another program than the archive's; run, with the same options: ${program} node install --from ${from}`
      : `${program} cannot be found or read`;
  if (isOwn !== true) throw new InstallError("archive", reason);
}
