/** The codes of the commands' own failures. Those of the broker, of files and of the kubelet's configuration are in their packages. */
import { type ErrorRow, permanent } from "@ocir-broker/errors/error-row";

export const COMMAND_ERRORS = {
  "output-failed": permanent(
    "it cannot be written",
    "free space where it goes; only the printing stopped, not the work",
  ),
  "status-invalid": permanent(
    "the response contains no status",
    "check that this is the daemon's health socket, and its release",
  ),
  "usage-invalid": permanent("the command line is wrong", "see the command's --help"),
} as const satisfies Record<string, ErrorRow>;

export type CommandErrorCode = keyof typeof COMMAND_ERRORS;

/** @param where `place`: the file or socket. */
export function commandError(code: CommandErrorCode, where: { place?: string; detail?: string }): Error {
  const { place, detail } = where;
  const { what, next } = COMMAND_ERRORS[code];
  const parts = [code, ...(place === undefined ? [] : [place]), what, ...(detail === undefined ? [] : [detail])];
  return new Error(`${parts.join(": ")}; ${next}`);
}
