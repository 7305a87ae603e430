/** The codes of a request that never reaches a handler, with the sockets' own statuses. */
import { clientError, type ErrorRow, NEXT } from "@ocir-broker/errors/error-row";

export const HTTP_ERRORS = {
  "body-too-large": clientError(
    "the request's body is larger than 256 KiB, or 1 KiB on the health socket",
    NEXT.kubeletConfig,
  ),
  "headers-too-large": clientError("the request's headers are larger than 8 KiB", "send fewer headers"),
  "method-not-allowed": clientError("this path does not support this method", NEXT.release),
  "not-found": clientError("this path does not exist", NEXT.release),
  "request-incomplete": clientError("the request did not arrive in time", NEXT.release),
  "request-malformed": clientError("the request is not one HTTP request whose body has a Content-Length", NEXT.release),
} as const satisfies Record<string, ErrorRow>;

export type HttpErrorCode = keyof typeof HTTP_ERRORS;

export const HTTP_STATUSES: Readonly<Record<HttpErrorCode, number>> = {
  "body-too-large": 413,
  "headers-too-large": 431,
  "method-not-allowed": 405,
  "not-found": 404,
  "request-incomplete": 408,
  "request-malformed": 400,
};
