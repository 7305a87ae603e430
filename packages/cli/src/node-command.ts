/** Runs the work of a command that changes the node, as root, and prints its result. */
import { findConfig } from "@ocir-broker/config/config-in-force";
import { createSystemClock, holdProcess } from "@ocir-broker/foundation/time/clock";
import { createDisk } from "@ocir-broker/installer/disk";
import { InstallError, installErrorOf } from "@ocir-broker/installer/install-error";
import { missingFlags, nodeLabels } from "@ocir-broker/installer/kubelet/kubelet-args";
import { isDisabled, type NodeContext } from "@ocir-broker/installer/system/node-context";
import { kubeletAdvice } from "@ocir-broker/node/kubelet-advice";
import { createNodeFiles } from "@ocir-broker/node/node-files";
import { createRunProgram } from "@ocir-broker/node/program-run";
import type { NodeResult } from "@ocir-broker/protocol/node-result";
import { environment, version } from "./process/environment.ts";

export interface OutputOption {
  readonly output: "text" | "json" | "flags";
}

const UNFINISHED = 75;
const UNFINISHED_CODES = ["unfinished", "kubelet-unseen"];
/** Of a program that only prints something, such as `kubelet --version`: a node that boots is busy, and has read nothing from its disk yet. */
const PRINT_LIMIT_MS = 20_000;
const SIGNALS = ["SIGHUP", "SIGINT", "SIGTERM"] as const;

/** A signal ends the work before its next step, which rolls it back. */
export async function runNodeCommand(
  { output, ...options }: OutputOption & { readonly kubeletArgs?: string | undefined },
  work: (context: NodeContext, signal: AbortSignal) => Promise<NodeResult>,
): Promise<void> {
  const abort = new AbortController();
  const onSignal = (): void => abort.abort();
  for (const name of SIGNALS) process.on(name, onSignal);
  using _hold = holdProcess();
  try {
    const result = await resultOf(work, abort.signal);
    process.stdout.write(rendered(result, output, options.kubeletArgs ?? ""));
    // A package's script drops standard output.
    if (output === "text") for (const { path, why } of result.left ?? []) say(`${path} stays: ${why}`);
    if (!result.ok) say(`${result.code}: ${result.reason}`);
    process.exitCode = result.ok ? 0 : exitCodeOf(result.code);
  } finally {
    for (const name of SIGNALS) process.off(name, onSignal);
  }
}

async function resultOf(
  work: (context: NodeContext, signal: AbortSignal) => Promise<NodeResult>,
  signal: AbortSignal,
): Promise<NodeResult> {
  try {
    if (process.geteuid?.() !== 0) throw new InstallError("not-root", "run it as root");
    return await work(nodeContext(), signal);
  } catch (error) {
    const { code, message: reason } = installErrorOf(error);
    return { ok: false, code, reason, version, steps: [] };
  }
}

/** Prints what a command would do. An error has the code and the exit status that it has in the command. */
export async function printDryRun(describe: (context: NodeContext) => Promise<string>): Promise<void> {
  try {
    process.stdout.write(await describe(nodeContext()));
  } catch (error) {
    const { code, message } = installErrorOf(error);
    say(`${code}: ${message}`);
    process.exitCode = exitCodeOf(code);
  }
}

function exitCodeOf(code: string | undefined): number {
  return UNFINISHED_CODES.includes(code ?? "") ? UNFINISHED : 1;
}

function nodeContext(): NodeContext {
  const clock = createSystemClock();
  return {
    disk: createDisk("/"),
    files: createNodeFiles("/"),
    clock,
    runProgram: createRunProgram(clock, PRINT_LIMIT_MS),
    version,
    metadataUrl: findConfig({ environment }).config.metadata.baseUrl,
    say,
  };
}

function say(line: string): void {
  process.stderr.write(`ocir-broker: ${line}\n`);
}

function rendered(result: NodeResult, output: OutputOption["output"], kubeletArgs: string): string {
  const { ok, flags, flagsIn, isPackage, kubelet, steps } = result;
  if (output === "json") return `${JSON.stringify(result, undefined, 2)}\n`;
  if (!ok) return "";
  if (output === "flags")
    return flags === undefined ? "" : `${missingFlags(kubeletArgs, flags)} ${nodeLabels(result.version)}\n`.trimStart();
  const changes = steps.map(({ name, state }) => `${state}: ${name}`);
  const lines = [
    `version ${result.version}`,
    ...(isDisabled({ disk: createDisk("/") }) ? ["switched off; to switch it on: ocir-broker enable"] : []),
    ...new Set(changes),
    // On standard output, which a package's own script drops.
    ...(isPackage ? ["the package stays: remove it with apt-get or dnf"] : []),
    ...(flagsIn === undefined ? [] : [`the kubelet's flags were added to ${flagsIn}`]),
    ...(kubelet !== undefined && flags !== undefined ? kubeletAdvice(kubelet, flags) : []),
  ];
  return `${lines.join("\n")}\n`;
}
