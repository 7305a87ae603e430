/** A refused request: Oracle's text for the client, and the true reason for the simulator's user. */

export type RefusalCode =
  | "Forbidden"
  | "InvalidParameter"
  | "InternalServerError"
  | "MethodNotAllowed"
  | "NotAuthenticated"
  | "NotAuthorizedOrNotFound"
  | "ServiceUnavailable"
  | "TooManyRequests";

const STATUS: Readonly<Record<RefusalCode, number>> = {
  Forbidden: 403,
  InvalidParameter: 400,
  InternalServerError: 500,
  MethodNotAllowed: 405,
  NotAuthenticated: 401,
  NotAuthorizedOrNotFound: 404,
  ServiceUnavailable: 503,
  TooManyRequests: 429,
};

/**
 * Oracle's texts, which reveal nothing: from reports (Forbidden: oracle-quickstart/oci-hpc-oke#6), otherwise from its page "API
 * Errors".
 */
const MESSAGE: Readonly<Record<RefusalCode, string>> = {
  Forbidden: "node not authorized",
  InvalidParameter: "The request could not be understood by the server.",
  InternalServerError: "An internal server error occurred.",
  MethodNotAllowed: "Method Not Allowed",
  NotAuthenticated: "The required information to complete authentication was not provided or was incorrect.",
  NotAuthorizedOrNotFound: "Authorization failed or requested resource not found.",
  ServiceUnavailable: "The service is currently unavailable.",
  TooManyRequests: "Too many requests for the tenant",
};

/** Oracle's error for a status; an internal one for a status that its APIs do not document. */
export function oracleError(status: number): { readonly code: RefusalCode; readonly message: string } {
  const known = (Object.keys(STATUS) as RefusalCode[]).find((code) => STATUS[code] === status);
  const code = known ?? "InternalServerError";
  return { code, message: MESSAGE[code] };
}

export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly status: number;
  /** Oracle's text, for the body. */
  readonly said: string;

  /** @param reason the true reason; shown only by the control API. */
  constructor(code: RefusalCode, reason: string, said: string = MESSAGE[code]) {
    super(reason);
    this.name = "Refusal";
    this.code = code;
    this.status = STATUS[code];
    this.said = said;
  }
}

export function notAuthenticated(reason: string, said?: string): Refusal {
  return new Refusal("NotAuthenticated", reason, said);
}

/** A refusal for `GET /refusals`: look there first if a client fails. */
export interface RefusalRecord {
  readonly endpoint: string;
  readonly status: number;
  readonly reason: string;
}
