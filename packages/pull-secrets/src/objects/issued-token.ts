/** A registry token with its times, in epoch milliseconds, because they outlive the process in the Secret's annotation. */
import type { Secret } from "@ocir-broker/foundation/secret";

/** The subject of tokens that are fetched with the controller's own identity. */
export const CONTROLLER_SUBJECT = "controller";

export interface IssuedToken {
  readonly token: Secret;
  readonly fetchedAtMs: number;
  readonly expiresAtMs: number;
  /** When the next token is due. */
  readonly renewAtMs: number;
}

/** The tokens of a fetch; none if it failed, and only some if not all registries responded. */
export interface CloudAnswer {
  /** The identity of the tokens; undefined if it is not known. */
  readonly subject: string | undefined;
  readonly tokens: ReadonlyMap<string, IssuedToken>;
}
