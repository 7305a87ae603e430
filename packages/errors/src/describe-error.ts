/**
 * Our errors, and what of an error may be shown. A client gets one line; the log gets a closed list of fields, so that no message
 * needs redaction.
 *
 * Messages of our own errors contain no secrets. Any other error keeps only name and code, since its message may quote a
 * header, a body or a key.
 */
import { type ErrorRow, INTERNAL } from "./error-row.ts";

/** The base of our errors' classes. The message contains no secret. */
export abstract class OwnError<Code extends string> extends Error {
  readonly code: Code;
  readonly row: ErrorRow;
  /** False if the same request would fail the same way until something is changed. */
  readonly retryable: boolean;
  /** The setting, file or rule that is meant: one printable line without a value. */
  readonly subject: string | undefined;

  constructor(code: Code, row: ErrorRow, message: string, options: OwnErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.row = row;
    this.retryable = row.kind === "transient";
    this.subject = options.subject;
  }
}

export interface OwnErrorOptions extends ErrorOptions {
  readonly subject?: string | undefined;
}

/** As the shim passes it on to the kubelet's log: one printable ASCII line with a stable code. An error that is not ours is internal. */
export function errorLineOf(error: unknown): string {
  if (!(error instanceof OwnError)) return errorLine("internal", INTERNAL);
  return errorLine(error.code, error.row, error.subject);
}

export function errorLine(code: string, { what, next }: ErrorRow, subject?: string): string {
  return `ocir-broker: ${code}: ${subject === undefined ? what : `${what}: ${subject}`}; ${next}\n`;
}

const MAX_CAUSES = 4;

export interface ErrorDescription {
  readonly name: string;
  readonly code?: string;
  readonly message?: string;
  readonly cause?: ErrorDescription;
}

export function describeError(error: unknown, depth = MAX_CAUSES): ErrorDescription {
  if (!(error instanceof Error)) return { name: typeof error };
  return {
    name: error.name,
    ...codePart(error),
    ...(error instanceof OwnError ? { message: error.message } : {}),
    ...(error.cause !== undefined && depth > 0 ? { cause: describeError(error.cause, depth - 1) } : {}),
  };
}

/** The error's stable code, or "unknown" without one. */
export function codeOf(error: unknown): string {
  return (error instanceof Error ? codePart(error).code : undefined) ?? "unknown";
}

function codePart(error: Error): { code?: string } {
  return "code" in error && typeof error.code === "string" ? { code: error.code } : {};
}
