/** Variables that a platform or a person sets for an identity. */
import type { IdentityErrorCode } from "../error-codes.ts";
import { IdentityError } from "../identity-error.ts";

/** @throws {IdentityError} `missing` if the variable is not set or empty. */
export function variableIn(environment: NodeJS.ProcessEnv, name: string, missing: IdentityErrorCode): string {
  const value = environment[name];
  if (!value) throw new IdentityError(missing, name);
  return value;
}
