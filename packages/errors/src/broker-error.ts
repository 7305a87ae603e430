/** The broker's own errors. What went wrong upstream keeps the error class of the package that saw it. */
import type { BrokerErrorCode } from "./broker-errors.ts";
import { OwnError } from "./describe-error.ts";

export class BrokerError extends OwnError<BrokerErrorCode> {
  override readonly name: string = "BrokerError";
}
