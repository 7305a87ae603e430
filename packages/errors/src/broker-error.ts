/** The broker's own errors. What went wrong upstream keeps the error class of the package that saw it. */
import { OwnError } from "./describe-error.ts";
import { BROKER_ERRORS, type BrokerErrorCode } from "./error-codes.ts";

export class BrokerError extends OwnError<BrokerErrorCode> {
  override readonly name: string = "BrokerError";

  constructor(code: BrokerErrorCode, message: string, options?: ErrorOptions) {
    super(code, BROKER_ERRORS[code], message, options);
  }
}
