/** Errors of requests to the API server on behalf of a resource. The message has a name, the code and a text of the catalogue. */
import { PULL_SECRET_ERRORS, type PullSecretErrorCode } from "@ocir-broker/errors/pull-secret-errors";
import { FetchError, type FetchErrorOptions } from "@ocir-broker/foundation/fetch-error";

export class PullSecretError extends FetchError<PullSecretErrorCode> {
  override readonly name = "PullSecretError";

  /** @param place the name of a service account or a Secret. */
  constructor(code: PullSecretErrorCode, place: string, options?: FetchErrorOptions) {
    super(code, PULL_SECRET_ERRORS[code], place, options);
  }
}
