/** The broker's own errors. An upstream's failure keeps the error class of the package that detected it. */

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
