/**
 * The docker-credential-helpers protocol, verb `get`: the standard input and output of a helper of docker, podman, skopeo and
 * others. A client shows any other output, with exit status 1, as an error.
 *
 * Source: github.com/docker/docker-credential-helpers, credentials/credentials.go and error.go.
 */

import { ProtocolError } from "./protocol-error.ts";
import type { RegistryCredentials } from "./response.ts";

export interface DockerCredentialRequest {
  /** As the client wrote it, without the white space around it. */
  readonly serverUrl: string;
  /** In lower case, with its port if one was given. Not checked yet. */
  readonly registryHost: string;
}

/** A client recognises only this exact text as "no credentials", and then continues without. */
export const CREDENTIALS_NOT_FOUND = "credentials not found in native keychain";

/** A registry host has at most 259 characters; what follows it is a path such as `/v1/`. */
const MAX_SERVER_URL_CHARACTERS = 2_048;

/** `host`, `host:port`, `https://host`, `host/v1/`. No `http://`, because a token must not be sent unencrypted. No user. */
const SERVER_URL =
  /^(?:https:\/\/)?(?<registryHost>(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?)(?:[/?#][!-~]*)?$/i;

/** @throws {ProtocolError} `server-url-invalid` */
export function decodeDockerCredentialRequest(body: Buffer): DockerCredentialRequest {
  const serverUrl = body.toString("latin1").trim();
  const registryHost =
    serverUrl.length <= MAX_SERVER_URL_CHARACTERS
      ? SERVER_URL.exec(serverUrl)?.groups?.["registryHost"]?.toLowerCase()
      : undefined;
  if (registryHost === undefined) throw new ProtocolError("server-url-invalid");
  return { serverUrl, registryHost };
}

export function encodeDockerCredentialResponse(serverUrl: string, credentials: RegistryCredentials): Buffer {
  const { username, password } = credentials;
  return Buffer.from(`${JSON.stringify({ ServerURL: serverUrl, Username: username, Secret: password })}\n`);
}
