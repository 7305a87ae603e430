/** The broker's own errors. What went wrong upstream keeps the error class of the package that saw it. */
import type { BrokerErrorCode } from "@ocir-broker/errors/broker-errors";

export class BrokerError extends Error {
  readonly code: BrokerErrorCode;
  readonly retryable = false;

  constructor(code: BrokerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "BrokerError";
    this.code = code;
  }
}
