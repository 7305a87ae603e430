/**
 * What of an error may be written down: a closed list of fields, so that redaction is a matter of structure.
 *
 * Our own classes promise messages without secrets; of every other error only name and code are kept, since
 * its message may quote a header, a body or a key.
 */

const OUR_CLASSES: ReadonlySet<string> = new Set([
  "BrokerError",
  "IdentityError",
  "OcirError",
  "ProtocolError",
  "CacheError",
  "UpstreamError",
]);

/** Errors are followed this deep into their causes. */
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

/** The stable code of an error, "unknown" where it has none. */
export function codeOf(error: unknown): string {
  return (error instanceof Error ? codePart(error).code : undefined) ?? "unknown";
}

function codePart(error: Error): { code?: string } {
  return "code" in error && typeof error.code === "string" ? { code: error.code } : {};
}
