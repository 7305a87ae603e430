/** The broker's own faults. What went wrong upstream keeps the error class of the package that saw it. */

export type BrokerErrorCode =
  | "body-too-large"
  | "config-invalid"
  | "config-unreadable"
  | "headers-too-large"
  | "internal"
  | "method-not-allowed"
  | "not-found"
  | "registry-foreign"
  | "request-incomplete"
  | "request-malformed"
  | "socket-denied"
  | "socket-in-use"
  | "socket-not-listening";

export class BrokerError extends Error {
  readonly code: BrokerErrorCode;
  readonly retryable = false;

  constructor(code: BrokerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "BrokerError";
    this.code = code;
  }
}
