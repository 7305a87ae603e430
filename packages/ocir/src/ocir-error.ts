/**
 * The package's one error. Its message has the host, the code, a text from this file and an HTTP status; never a token, a
 * header, a body or an image's name.
 */

import { FetchError, type FetchErrorOptions } from "@ocir-broker/foundation/fetch-error";
import { OCIR_ERRORS, type OcirErrorCode } from "./error-codes.ts";

export class OcirError extends FetchError<OcirErrorCode> {
  override readonly name = "OcirError";

  /** @param place the registry host, or another place. */
  constructor(code: OcirErrorCode, place: string, options?: FetchErrorOptions) {
    super(code, OCIR_ERRORS[code], place, options);
  }
}
