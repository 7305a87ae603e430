/** The package's one error. Its messages are a closed table, without any text of a request or response. */
import { OwnError } from "@ocir-broker/errors/describe-error";
import { PROTOCOL_ERRORS, type ProtocolErrorCode } from "./error-codes.ts";

export class ProtocolError extends OwnError<ProtocolErrorCode> {
  override readonly name = "ProtocolError";

  constructor(code: ProtocolErrorCode, options?: ErrorOptions) {
    super(code, PROTOCOL_ERRORS[code], `${code}: ${PROTOCOL_ERRORS[code].what}`, options);
  }
}
