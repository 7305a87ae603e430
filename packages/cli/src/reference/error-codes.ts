/**
 * The catalogue of all error codes and of doctor's findings, for docs/reference/codes.md. Each package declares its own; a table
 * here that lacks one of them does not compile.
 */
import { DIAGNOSES, type Diagnosis } from "@ocir-broker/doctor/diagnoses";
import { ERROR_TABLE, type ErrorCode } from "@ocir-broker/errors/catalogue";
import type { ErrorText } from "@ocir-broker/errors/error-text";
import { FILE_ERRORS, type FileErrorCode } from "@ocir-broker/errors/file-errors";
import { PULL_SECRET_ERRORS, type PullSecretErrorCode } from "@ocir-broker/errors/pull-secret-errors";
import { KUBELET_CONFIG_ERRORS, type KubeletConfigErrorCode } from "@ocir-broker/kubelet-config/kubelet-config-error";
import { SHIM_ERRORS, type ShimErrorCode, type ShimErrorText } from "@ocir-broker/protocol/shim-errors";
import { COMMAND_ERRORS, type CommandErrorCode } from "../command-errors.ts";

type Codes<Code extends string> = Readonly<Record<Code, ErrorText>>;

/** Grouped by the program that reports them. A name has one meaning, even if several programs report it. */
export const ERROR_CODES = {
  plugin: withEllipses(SHIM_ERRORS) satisfies Codes<ShimErrorCode>,
  daemon: ERROR_TABLE satisfies Codes<ErrorCode>,
  command: {
    ...COMMAND_ERRORS,
    ...FILE_ERRORS,
    ...KUBELET_CONFIG_ERRORS,
    // `status` reports doctor's names for these.
    "daemon-down": textOf(DIAGNOSES["daemon-down"]),
    "daemon-stuck": textOf(DIAGNOSES["daemon-stuck"]),
  } satisfies Codes<CommandErrorCode | FileErrorCode | KubeletConfigErrorCode | "daemon-down" | "daemon-stuck">,
  controller: PULL_SECRET_ERRORS satisfies Codes<PullSecretErrorCode>,
  doctor: findings(),
} as const;

/** The plugin ends `what` with a path or a number. */
function withEllipses<Code extends string>(table: Readonly<Record<Code, ShimErrorText>>): Codes<Code> {
  const rows = Object.entries<ShimErrorText>(table).map(([code, { what, detail, next }]) => [
    code,
    { what: detail === undefined ? what : `${what} …`, next },
  ]);
  return Object.fromEntries(rows);
}

/** A finding with the verdict `ok` needs no explanation. */
function findings(): Codes<string> {
  const rows = Object.entries<Diagnosis>(DIAGNOSES).filter(([, { verdict }]) => verdict !== "ok");
  return Object.fromEntries(rows.map(([name, row]) => [name, textOf(row)]));
}

function textOf({ means, fix = "" }: Omit<Diagnosis, "verdict">): ErrorText {
  return { what: means, next: fix };
}
