/** Renders a broker error as one line: its code, what happened to which path, and what to do next. */
import { BrokerError } from "@ocir-broker/credentials/errors/broker-error";
import { ERROR_TABLE } from "@ocir-broker/errors/catalogue";

/** @returns undefined for an error of another class. Configuration errors follow on lines of their own. */
export function brokerErrorLine(error: unknown): string | undefined {
  if (!(error instanceof BrokerError)) return undefined;
  const isList = error.message.includes("\n");
  return `${error.code}: ${error.message}${isList ? "" : `; ${ERROR_TABLE[error.code].next}`}`;
}
