/** A refused request: Oracle's text for the client, and the true reason for the simulator's user. */

/**
 * Oracle's statuses and texts, which reveal nothing: from reports (Forbidden: oracle-quickstart/oci-hpc-oke#6, TooManyRequests:
 * ManageIQ/manageiq#22936), otherwise from its page "API Errors".
 */
const ERRORS = {
  Forbidden: [403, "node not authorized"],
  InvalidParameter: [400, "The request could not be understood by the server."],
  InternalServerError: [500, "An internal server error occurred."],
  MethodNotAllowed: [405, "Method Not Allowed"],
  NotAuthenticated: [401, "The required information to complete authentication was not provided or was incorrect."],
  NotAuthorizedOrNotFound: [404, "Authorization failed or requested resource not found."],
  ServiceUnavailable: [503, "The service is currently unavailable."],
  TooManyRequests: [429, "Too many requests for the tenant"],
} as const satisfies Record<string, readonly [status: number, message: string]>;

export type RefusalCode = keyof typeof ERRORS;

/** Oracle's error for a status; an internal one for a status that its APIs do not document. */
export function oracleError(status: number): { readonly code: RefusalCode; readonly message: string } {
  const known = (Object.keys(ERRORS) as RefusalCode[]).find((code) => ERRORS[code][0] === status);
  const code = known ?? "InternalServerError";
  return { code, message: ERRORS[code][1] };
}

export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly status: number;
  /** Oracle's text, for the body. */
  readonly said: string;

  /** @param reason the true reason; shown only by the control API. */
  constructor(code: RefusalCode, reason: string, said: string = ERRORS[code][1]) {
    super(reason);
    this.name = "Refusal";
    this.code = code;
    this.status = ERRORS[code][0];
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
