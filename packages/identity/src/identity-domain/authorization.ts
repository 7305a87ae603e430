/**
 * Authorizes a request to an identity domain, either with the instance principal's signature over the whole request, which needs no
 * secret, or with a confidential client's id and secret (HTTP Basic).
 *
 * The secret is read for each request, so that a new one needs no restart, and never kept.
 */

import { readPrivateFile } from "../oci-profile/private-file.ts";
import type { SigningSession } from "../provider.ts";
import { signPost } from "../signed-post.ts";
import { WorkloadError } from "../workload/workload-error.ts";

export interface IdentityDomainSettings {
  readonly url?: string | undefined;
  readonly authorization: "instance-principal" | "client";
  readonly clientId?: string | undefined;
  /** Default: `identity-domain-secret` of systemd's LoadCredential. */
  readonly clientSecretFile?: string | undefined;
}

export interface AuthorizationOptions {
  readonly settings: IdentityDomainSettings;
  /** For CREDENTIALS_DIRECTORY. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The session of the node's own identity. Used with `instance-principal` only. */
  readonly nodeSession: (signal: AbortSignal) => Promise<SigningSession>;
}

interface FormPost {
  readonly url: URL;
  readonly body: string;
  readonly wallMs: number;
}

type Headers = Readonly<Record<string, string>>;

const FORM = "application/x-www-form-urlencoded";

/** The name in LoadCredential=. */
const CREDENTIAL = "identity-domain-secret";

/** @throws {WorkloadError} `domain-…`, or an {IdentityError} of the secret's file or the node's session. */
export async function authorized(post: FormPost, options: AuthorizationOptions, signal: AbortSignal): Promise<Headers> {
  const { settings, nodeSession } = options;
  if (settings.authorization === "client")
    return { "content-type": FORM, authorization: `Basic ${await basicOf(options)}` };
  const { keyId, privateKey } = await nodeSession(signal);
  return signPost({ ...post, contentType: FORM, keyId: keyId.reveal(), privateKey });
}

async function basicOf({ settings, environment }: AuthorizationOptions): Promise<string> {
  const { clientId, clientSecretFile } = settings;
  if (clientId === undefined) throw new WorkloadError("domain-not-configured", "identityDomain.clientId");
  const directory = environment["CREDENTIALS_DIRECTORY"];
  const path = clientSecretFile ?? (directory && `${directory}/${CREDENTIAL}`);
  if (path === undefined) throw new WorkloadError("domain-secret-missing", "identityDomain.clientSecretFile");
  const secret = (await readPrivateFile(path, "identityDomain.clientSecretFile")).trim();
  if (secret === "") throw new WorkloadError("domain-secret-missing", "identityDomain.clientSecretFile");
  return Buffer.from(`${clientId}:${secret}`).toString("base64");
}
