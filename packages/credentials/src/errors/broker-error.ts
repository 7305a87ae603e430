/** The broker's own errors. What went wrong upstream keeps the error class of the package that saw it. */
import type { BrokerErrorCode } from "@ocir-broker/errors/broker-errors";
import { OwnError } from "@ocir-broker/errors/describe-error";

export class BrokerError extends OwnError<BrokerErrorCode> {
  override readonly name: string = "BrokerError";
}
