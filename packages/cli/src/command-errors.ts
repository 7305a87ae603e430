/** The codes of the commands' own failures. Those of the broker, of files and of the kubelet's configuration have tables too. */
import type { ErrorText } from "@ocir-broker/errors/error-text";

export const COMMAND_ERRORS = {
  "output-failed": {
    what: "it cannot be written",
    next: "free space where it goes; only the printing stopped, not the work",
  },
  "provider-last": {
    what: "it has no other credential provider",
    next: "first remove the file from the kubelet's flags",
  },
  "status-invalid": {
    what: "the response contains no status",
    next: "check that this is the daemon's health socket, and its release",
  },
  "usage-invalid": { what: "the command line is wrong", next: "see the command's --help" },
} as const satisfies Record<string, ErrorText>;

export type CommandErrorCode = keyof typeof COMMAND_ERRORS;

/** @param where `place`: the file or socket. */
export function commandError(code: CommandErrorCode, where: { place?: string; detail?: string }): Error {
  const { place, detail } = where;
  const { what, next } = COMMAND_ERRORS[code];
  const parts = [code, ...(place === undefined ? [] : [place]), what, ...(detail === undefined ? [] : [detail])];
  return new Error(`${parts.join(": ")}; ${next}`);
}
