/**
 * Ends a failed command with one line on standard error, `ocir-broker: code: what; next`, and an exit status:
 * 2 for a wrong command line, 1 for everything else.
 */

import { ConfigError } from "@ocir-broker/config/config-error";
import { BrokerError } from "@ocir-broker/errors/broker-error";
import { fileErrorOf } from "@ocir-broker/foundation/file-error";
import { printable } from "@ocir-broker/foundation/printable";
import { KubeletConfigError } from "@ocir-broker/kubelet-config/kubelet-config-error";
import { type Command, CommanderError } from "commander";
import type { CommandErrorCode } from "./error-codes.ts";

const FAILED = 1;
const WRONG_USAGE = 2;

export class UsageError extends Error {}

/** Lets this command and all below it throw for a wrong command line, instead of printing their whole help. */
export function throwUsageErrors(command: Command, above: readonly string[] = []): void {
  const path = [...above, command.name()];
  command.configureOutput({ outputError() {} }).exitOverride((error) => {
    // Commander has printed the help or the version.
    if (error.exitCode === 0 || error.code === "commander.help") throw error;
    throw new UsageError(
      `${"usage-invalid" satisfies CommandErrorCode}: ${wordsOf(error)}; see ${path.join(" ")} --help`,
    );
  });
  for (const inner of command.commands) throwUsageErrors(inner, path);
}

/** Adds the path to an error of a file or of its content, which does not carry it. */
export function withPath<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof KubeletConfigError)
      throw new Error(error.message.replace(`${error.code}: `, `${error.code}: ${path}: `), { cause: error });
    const fileError = fileErrorOf(error);
    if (fileError === undefined) throw error;
    throw new Error(`${fileError.code}: ${path}: ${fileError.what}; ${fileError.next}`, { cause: error });
  }
}

/** Writes the line and sets the exit status. */
export function reportFailure(error: unknown): void {
  if (error instanceof CommanderError) {
    if (error.exitCode !== 0) process.exitCode = WRONG_USAGE;
  } else {
    process.stderr.write(`ocir-broker: ${lineOf(error)}\n`);
    process.exitCode = error instanceof UsageError ? WRONG_USAGE : FAILED;
  }
}

/**
 * One line: the code, what happened to which path, and what to do next. Configuration errors follow on lines of their own.
 *
 * @returns undefined for an error of another class
 */
export function brokerErrorLine(error: unknown): string | undefined {
  if (!(error instanceof BrokerError)) return undefined;
  const isComplete = error.message.includes("\n") || (error instanceof ConfigError && error.fix !== undefined);
  return `${error.code}: ${error.message}${isComplete ? "" : `; ${error.row.next}`}`;
}

function lineOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const fileError = fileErrorOf(error);
  if (fileError === undefined) return brokerErrorLine(error) ?? error.message;
  const place = "path" in error ? `${error.path}: ` : "";
  return `${fileError.code}: ${place}${fileError.what}; ${fileError.next}`;
}

/** Joins the lines of "error: unknown option '--otput'\n(Did you mean --output?)"; removes the full stops of "is invalid. Allowed …". */
function wordsOf({ message }: CommanderError): string {
  const words = message
    .replace(/^error: /, "")
    .replace(/( is invalid(?: for argument '[^'.]*')?)\. /, "$1: ")
    .replace(/\.$/, "")
    .replace(/\n\(Did/, " (did");
  return printable(words);
}
