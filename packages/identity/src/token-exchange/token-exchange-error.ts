/**
 * Errors of the token exchange, which turns a pod's service-account token into a session. The message has a host or the name of
 * the part that failed, a code and a text from this package; never a token, a claim or text from upstream.
 */

import { FetchError, type FetchErrorOptions } from "@ocir-broker/foundation/fetch-error";
import { TOKEN_EXCHANGE_ERRORS, type TokenExchangeErrorCode } from "../error-codes.ts";

export class TokenExchangeError extends FetchError<TokenExchangeErrorCode> {
  override readonly name = "TokenExchangeError";

  /** @param place a host, or the name of what failed. */
  constructor(code: TokenExchangeErrorCode, place: string, options?: FetchErrorOptions) {
    super(code, TOKEN_EXCHANGE_ERRORS[code], place, options);
  }
}
