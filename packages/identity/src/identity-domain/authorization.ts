/**
 * How requests to an identity domain are authorized: with the instance principal's signature over the whole request, which needs no
 * secret, or with a confidential client's id and secret (HTTP Basic).
 *
 * The secret is read for each request, so that a new one needs no restart, and never kept.
 */
import type { Secret } from "@ocir-broker/foundation/secret";
import { IdentityError } from "../identity-error.ts";
import type { Sessions } from "../identity-provider.ts";
import { readBoundedFile, readPrivateFile } from "../oci-profile/private-file.ts";
import { TokenExchangeError } from "../token-exchange/token-exchange-error.ts";

export interface IdentityDomainSettings {
  readonly url?: string | undefined;
  readonly authorization: "instance-principal" | "client";
  readonly clientId?: string | undefined;
  /** Default: `identity-domain-secret` of systemd's LoadCredential. */
  readonly clientSecretFile?: string | undefined;
  /** Instead of a file. */
  readonly clientSecret?: Secret | undefined;
}

export interface SecretOptions {
  readonly settings: IdentityDomainSettings;
  /** For CREDENTIALS_DIRECTORY. */
  readonly environment: NodeJS.ProcessEnv;
}

export interface AuthorizationOptions extends SecretOptions {
  /** Of the node's own identity. Without them, requests are authorized as `client`. */
  readonly nodeSessions?: Sessions | undefined;
}

/** The name in LoadCredential=. */
const CREDENTIAL = "identity-domain-secret";

const SECRET_KEY = "identityDomain.clientSecretFile";

/** @throws {TokenExchangeError} `domain-not-configured`, `domain-secret-…`, {IdentityError} `identity-file-…` */
export function basicOf(options: SecretOptions): string {
  const { clientId } = options.settings;
  if (clientId === undefined) throw new TokenExchangeError("domain-not-configured", "identityDomain.clientId");
  const secret = readSecret(options).trim();
  if (secret === "") throw new TokenExchangeError("domain-secret-missing", SECRET_KEY);
  return Buffer.from(`${clientId}:${secret}`).toString("base64");
}

function readSecret({ settings, environment }: SecretOptions): string {
  if (settings.clientSecret !== undefined) return settings.clientSecret.reveal();
  if (settings.clientSecretFile !== undefined) return readPrivateFile(settings.clientSecretFile, SECRET_KEY);
  const missing = new TokenExchangeError("domain-secret-missing", SECRET_KEY);
  const directory = environment["CREDENTIALS_DIRECTORY"];
  if (directory === undefined) throw missing;
  try {
    // Made by systemd for this unit alone, whose user need not own it.
    return readBoundedFile(`${directory}/${CREDENTIAL}`, { isSystemdCredential: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw missing;
    throw new IdentityError("identity-file-unreadable", CREDENTIAL, { cause: error });
  }
}
