/** A registry token with its times, in epoch milliseconds, because they outlive the process in the Secret's annotation. */
import type { Secret } from "@ocir-broker/foundation/secret";
import type { Failure } from "./failure.ts";

/** The subject of tokens that are fetched with the controller's own identity. */
export const CONTROLLER_SUBJECT = "controller";

export interface IssuedToken {
  readonly token: Secret;
  readonly fetchedAtMs: number;
  readonly expiresAtMs: number;
  /** When the next token is due. */
  readonly renewAtMs: number;
}

/** The result of a fetch: tokens, a failure, or both if only some of the registries responded. */
export interface CloudAnswer {
  /** The identity of the tokens; undefined if it is not known. */
  readonly subject: string | undefined;
  /** Dropped once the Secret contains them. */
  readonly tokens: ReadonlyMap<string, IssuedToken>;
  readonly failure: Failure | undefined;
}
