/**
 * A session: a token, the key that it was made for, and the tenancy they speak for. Made whole and never changed;
 * a newer one is built beside it and takes its place only when it is complete.
 */
import type { KeyObject } from "node:crypto";
import type { Secret } from "@ocir-broker/foundation";

export interface Session {
  /** The auth service's JWT, without the `ST$` that a signature's key id has. */
  readonly token: Secret;
  /** RSA 2048. */
  readonly privateKey: KeyObject;
  readonly tenancyId: string;
}
