/**
 * Whether a token can read a repository: `HEAD /v2/<repository>/manifests/<latest, or what is asked for>`.
 *
 * The token goes to the given endpoint and nowhere else: no redirect and no `WWW-Authenticate` realm is followed.
 */
import type { Secret, SendRequest } from "@ocir-broker/foundation";
import { isReference, isRepository } from "./image.ts";

/** `unknown` says nothing in either direction: 404 is a repository without `latest`, or one that is not there. */
export type Access = "working" | "denied" | "unknown";

export interface ProbeOptions {
  readonly send: SendRequest;
  /** Base URL: `https://<registry host>` unless the configuration has another. */
  readonly endpoint: URL;
  /** Tag or digest, as `referenceOf` gives it. Default: `latest`. */
  readonly reference?: string;
}

/** A registry may answer 404 to a client that does not take the kind of manifest that it has. */
const MANIFEST_TYPES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/** Oracle's own images for OKE nodes, `<namespace>/oke-public-*`: public, so they say nothing about a token. */
const PUBLIC_OF_OKE = /^[^/]+\/oke-public-/;

/** A HEAD answer has no body; an error's is of no interest. */
const MAX_BODY_BYTES = 64 * 1024;

/**
 * OCIR takes the bearer token as it is on `/v2/…`.
 *
 * @throws {TypeError} for a repository that is not probeable, or no reference: they would stand in the URL
 * @throws {UpstreamError} where there was no whole answer
 */
export async function probeRepository(
  repository: string,
  token: Secret,
  { send, endpoint, reference = "latest" }: ProbeOptions,
  signal: AbortSignal,
): Promise<Access> {
  if (!isProbeable(repository)) throw new TypeError("this repository is not probed");
  if (!isReference(reference)) throw new TypeError("this is no tag or digest");
  const { status } = await send({
    method: "HEAD",
    url: new URL(`/v2/${repository}/manifests/${reference}`, endpoint),
    headers: { accept: MANIFEST_TYPES, authorization: `Bearer ${token.reveal()}` },
    signal,
    maxBodyBytes: MAX_BODY_BYTES,
  });
  if (status === 200) return "working";
  return status === 401 || status === 403 ? "denied" : "unknown";
}

export function isProbeable(repository: string): boolean {
  return isRepository(repository) && !PUBLIC_OF_OKE.test(repository);
}
