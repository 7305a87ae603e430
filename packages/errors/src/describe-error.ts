/**
 * Reduces an error to a closed list of fields that may be logged, so no message needs redaction.
 *
 * Messages of our own errors contain no secrets. Any other error keeps only name and code, since its message may quote a
 * header, a body or a key.
 */

/** The base of our errors' classes. The message contains no secret. */
export abstract class OwnError<Code extends string> extends Error {
  readonly code: Code;
  /** False if the same request would fail the same way until something is changed. */
  readonly retryable: boolean;

  constructor(code: Code, message: string, { retryable = false, ...options }: OwnErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.retryable = retryable;
  }
}

interface OwnErrorOptions extends ErrorOptions {
  readonly retryable?: boolean;
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
