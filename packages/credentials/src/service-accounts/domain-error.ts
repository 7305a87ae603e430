/** Checks the settings of the identity domain before a pod needs them: `ocir-broker config check`. Sends nothing. */
import { ERROR_TABLE } from "@ocir-broker/errors/catalogue";
import { checkDomainSettings } from "@ocir-broker/identity/identity-domain/identity-domain";
import { IdentityError } from "@ocir-broker/identity/identity-error";
import { TokenExchangeError } from "@ocir-broker/identity/token-exchange/token-exchange-error";
import type { Config } from "../config/schema.ts";

export interface DomainError {
  /** The key, what is wrong with it, and what to do. */
  readonly line: string;
  /** True if only the daemon can know: its unit may pass the secret to it. */
  readonly isUncertain: boolean;
}

/** Undefined if the token exchange is not `identity-domain`, or if nothing is missing. */
export async function domainErrorOf(
  { serviceAccounts, identityDomain }: Pick<Config, "serviceAccounts" | "identityDomain">,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<DomainError | undefined> {
  if (serviceAccounts.tokenExchange !== "identity-domain") return undefined;
  try {
    await checkDomainSettings({ settings: identityDomain, environment });
    return undefined;
  } catch (error) {
    if (!(error instanceof TokenExchangeError || error instanceof IdentityError)) throw error;
    const isUncertain = error.code === "domain-secret-missing" && identityDomain.clientSecretFile === undefined;
    return { line: `${error.message}; ${ERROR_TABLE[error.code].next}`, isUncertain };
  }
}
