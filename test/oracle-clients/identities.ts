/** The identities of Oracle's clients: writes the keys, tokens and settings that each needs on the machine. */
import { generateKeyPairSync } from "node:crypto";
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ApiKeySettings, UserSession } from "@ocir-broker/oci-simulator";
import type { OracleCloud } from "./cloud.ts";

/** As a person does: creates a key pair, uploads the public key to the Console, and copies the Console's lines to ~/.oci/config. */
export async function giveApiKey({ directory, addApiKey }: OracleCloud): Promise<ApiKeySettings> {
  const folder = join(directory, ".oci");
  mkdirSync(folder, { recursive: true });
  const { keyFile, publicPem } = writeKey(folder);
  const settings = await addApiKey(publicPem);
  writeFileSync(join(folder, "config"), `[DEFAULT]\n${linesOf({ ...settings, key_file: keyFile })}`, { mode: 0o600 });
  return settings;
}

/** As `oci session authenticate` leaves it after a login in a browser: the profile SESSION, with token and key. */
export async function giveSession({ directory, userSession }: OracleCloud): Promise<UserSession> {
  const folder = join(directory, ".oci/sessions/SESSION");
  mkdirSync(folder, { recursive: true });
  const { keyFile, publicPem } = writeKey(folder);
  const session = await userSession(publicPem);
  const tokenFile = join(folder, "token");
  writeFileSync(tokenFile, session.token, { mode: 0o600 });
  const { fingerprint, tenancy, region } = session;
  const profile = { fingerprint, tenancy, region, key_file: keyFile, security_token_file: tokenFile };
  appendFileSync(join(directory, ".oci/config"), `\n[SESSION]\n${linesOf(profile)}`);
  return session;
}

/** As a platform gives it to a container: the variables of version 2.2. */
export async function giveResourcePrincipal({ directory, resourceToken }: OracleCloud) {
  const { keyFile, publicPem } = writeKey(directory);
  const tokenFile = join(directory, "rpst");
  writeFileSync(tokenFile, await resourceToken(publicPem));
  return {
    OCI_RESOURCE_PRINCIPAL_VERSION: "2.2",
    OCI_RESOURCE_PRINCIPAL_RPST: tokenFile,
    OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM: keyFile,
    OCI_RESOURCE_PRINCIPAL_REGION: "us-ashburn-1",
  };
}

function writeKey(folder: string): { readonly keyFile: string; readonly publicPem: string } {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const keyFile = join(folder, "oci_api_key.pem");
  writeFileSync(keyFile, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  return { keyFile, publicPem: String(publicKey.export({ type: "spki", format: "pem" })) };
}

function linesOf(settings: object): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}
