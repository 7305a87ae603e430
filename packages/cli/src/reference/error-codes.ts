/**
 * The catalogue of all error codes, for docs/reference/codes.md: what each program prints after `ocir-broker:`. Each package
 * declares its own codes; a table here that lacks one of them does not compile.
 */
import { ERROR_TABLE, type ErrorCode } from "@ocir-broker/broker";
import { type ErrorText, FILE_ERRORS, type FileErrorCode } from "@ocir-broker/foundation";
import { KUBELET_CONFIG_ERRORS, type KubeletConfigErrorCode } from "@ocir-broker/kubelet-config";
import { SHIM_ERRORS, type ShimErrorCode, type ShimErrorText } from "@ocir-broker/protocol";
import { COMMAND_ERRORS, type CommandErrorCode } from "../command-errors.ts";

type Codes<Code extends string> = Readonly<Record<Code, ErrorText>>;

/** By the program that prints them. One code has one meaning within a program. */
export const ERROR_CODES = {
  plugin: withEllipses(SHIM_ERRORS) satisfies Codes<ShimErrorCode>,
  daemon: ERROR_TABLE satisfies Codes<ErrorCode>,
  command: { ...COMMAND_ERRORS, ...FILE_ERRORS, ...KUBELET_CONFIG_ERRORS } satisfies Codes<
    CommandErrorCode | FileErrorCode | KubeletConfigErrorCode
  >,
} as const;

/** The plugin ends `what` with a path or a number. */
function withEllipses<Code extends string>(table: Readonly<Record<Code, ShimErrorText>>): Codes<Code> {
  const rows = Object.entries<ShimErrorText>(table).map(([code, { what, detail, next }]) => [
    code,
    { what: detail === undefined ? what : `${what} …`, next },
  ]);
  return Object.fromEntries(rows);
}
