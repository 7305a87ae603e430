/**
 * Reduces an error to a closed list of fields that may be logged, so no message needs redaction.
 *
 * Messages of our own classes contain no secrets. Any other error keeps only name and code, since its message may quote a
 * header, a body or a key.
 */

const OUR_CLASSES: ReadonlySet<string> = new Set([
  "BrokerError",
  "IdentityError",
  "OcirError",
  "ProtocolError",
  "CacheError",
  "UpstreamError",
  "TokenExchangeError",
]);

/** Depth of the chain of causes. */
const MAX_CAUSES = 4;

export interface ErrorDescription {
  readonly name: string;
  readonly code?: string;
  readonly message?: string;
  readonly cause?: ErrorDescription;
}

export function describeError(error: unknown, depth = MAX_CAUSES): ErrorDescription {
  if (!(error instanceof Error)) return { name: typeof error };
  const isOurs = OUR_CLASSES.has(error.name);
  return {
    name: error.name,
    ...codePart(error),
    ...(isOurs ? { message: error.message } : {}),
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
