/** Sends the POST of a token exchange, and meanwhile loads the SDK that signs requests with the new session. */

import {
  type SendRequest,
  UpstreamError,
  type UpstreamRequest,
  type UpstreamResponse,
} from "@ocir-broker/foundation/upstream";
import type { TokenExchangeErrorCode } from "../error-codes.ts";
import { TokenExchangeError } from "./token-exchange-error.ts";

/** Codes of failures without a response. */
type ExchangeFailures = Readonly<Record<"tls" | "unreachable", TokenExchangeErrorCode>>;

/** @throws {TokenExchangeError} one of `failures`, or `token-exchange-invalid` if the response is too large */
export async function postToExchange(
  send: SendRequest,
  request: Omit<UpstreamRequest, "method">,
  failures: ExchangeFailures,
): Promise<UpstreamResponse> {
  try {
    const [response] = await Promise.all([send({ ...request, method: "POST" }), import("../oci-sdk/oci-sdk.ts")]);
    return response;
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    throw new TokenExchangeError(codeOfFailure(error, failures), request.url.host, { cause: error });
  }
}

function codeOfFailure({ code }: UpstreamError, { tls, unreachable }: ExchangeFailures): TokenExchangeErrorCode {
  if (code === "tls") return tls;
  return code === "upstream-response-too-large" ? "token-exchange-invalid" : unreachable;
}
