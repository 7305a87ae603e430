/**
 * The package's one error. Its message has the host, the code and a text from this package; never a token, key, certificate,
 * header or body. Its cause, if any, is an UpstreamError.
 */
import { FILE_IDENTITY_ERRORS, IDENTITY_ERRORS, type IdentityErrorCode } from "@ocir-broker/errors/identity-errors";
import { FetchError, type FetchErrorOptions } from "@ocir-broker/foundation/fetch-error";

export class IdentityError extends FetchError<IdentityErrorCode> {
  override readonly name = "IdentityError";
  /** The setting or file that is wrong, for the codes of {@link FILE_IDENTITY_ERRORS}. One printable line without a value. */
  readonly place: string | undefined;

  constructor(code: IdentityErrorCode, host: string, options?: FetchErrorOptions) {
    super(code, IDENTITY_ERRORS[code], host, options);
    this.place = Object.hasOwn(FILE_IDENTITY_ERRORS, code) ? host : undefined;
  }
}
