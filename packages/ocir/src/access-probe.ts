/**
 * Checks whether a token can read a repository: `HEAD /v2/<repository>/manifests/<the reference, or latest>`.
 *
 * Sends the token only to the given endpoint: follows no redirect and no `WWW-Authenticate` realm.
 */
import type { Secret } from "@ocir-broker/foundation/secret";
import type { SendRequest } from "@ocir-broker/foundation/upstream";
import { isReference, isRepository } from "./image.ts";

/** `unknown` proves nothing: 404 means a repository without this tag, or no such repository. */
export type Access = "working" | "denied" | "unknown";

export interface ProbeOptions {
  readonly send: SendRequest;
  /** Base URL: `https://<registry host>` unless the configuration has another. */
  readonly endpoint: URL;
  /** Tag or digest, from `referenceOf`. Default: `latest`. */
  readonly reference?: string;
}

/** A registry may answer 404 to a client that does not accept its kind of manifest. */
const MANIFEST_TYPES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/** Oracle's own images for OKE nodes, `<namespace>/oke-public-*`, are public, so they prove nothing about a token. */
const PUBLIC_OF_OKE = /^[^/]+\/oke-public-/;

/**
 * OCIR accepts the bearer token unchanged on `/v2/…`.
 *
 * @throws {TypeError} for a repository that is not probeable, or an invalid reference, as both become part of the URL
 * @throws {UpstreamError} without a complete response
 */
export async function probeRepository(
  repository: string,
  token: Secret,
  { send, endpoint, reference = "latest" }: ProbeOptions,
  signal: AbortSignal,
): Promise<Access> {
  if (!isProbeable(repository)) throw new TypeError("this repository is not probed");
  if (!isReference(reference)) throw new TypeError("invalid tag or digest");
  const { status } = await send({
    method: "HEAD",
    url: new URL(`/v2/${repository}/manifests/${reference}`, endpoint),
    headers: { accept: MANIFEST_TYPES, authorization: `Bearer ${token.reveal()}` },
    signal,
  });
  if (status === 200) return "working";
  return status === 401 || status === 403 ? "denied" : "unknown";
}

export function isProbeable(repository: string): boolean {
  return isRepository(repository) && !PUBLIC_OF_OKE.test(repository);
}
