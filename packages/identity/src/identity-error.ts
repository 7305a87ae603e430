/**
 * The package's one error. Its message has the host, the code and a text from this package; never a token, key, certificate,
 * header or body. Its cause, if any, is an UpstreamError.
 */

import { FetchError, type FetchErrorOptions } from "@ocir-broker/foundation/fetch-error";
import { FILE_IDENTITY_ERRORS, IDENTITY_ERRORS, type IdentityErrorCode } from "./error-codes.ts";

export class IdentityError extends FetchError<IdentityErrorCode> {
  override readonly name = "IdentityError";
  override readonly subject: string | undefined;

  /** @param host for the codes of {@link FILE_IDENTITY_ERRORS} the setting or file that is wrong. */
  constructor(code: IdentityErrorCode, host: string, options?: FetchErrorOptions) {
    super(code, IDENTITY_ERRORS[code], host, options);
    this.subject = Object.hasOwn(FILE_IDENTITY_ERRORS, code) ? host : undefined;
  }
}
