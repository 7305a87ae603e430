/** The package's one error. Its messages are a closed table, without any text of a request or response. */
import { PROTOCOL_ERRORS, type ProtocolErrorCode } from "@ocir-broker/errors/protocol-errors";

export class ProtocolError extends Error {
  readonly code: ProtocolErrorCode;
  /** The same bytes would fail the same way. */
  readonly retryable = false;

  constructor(code: ProtocolErrorCode, options?: ErrorOptions) {
    super(`${code}: ${PROTOCOL_ERRORS[code].what}`, options);
    this.name = "ProtocolError";
    this.code = code;
  }
}
