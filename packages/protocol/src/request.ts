/**
 * Decodes the kubelet's message on a credential provider's standard input: one CredentialProviderRequest.
 *
 * Accepts and drops fields that a newer kubelet may add, such as a pod's service-account token (KEP-4412). Checks only the
 * envelope; the package ocir checks the image.
 */
import * as z from "zod";
import { API_VERSIONS, type ApiVersion, MAX_REQUEST_BYTES } from "./contract.ts";
import { ProtocolError } from "./errors.ts";

export interface CredentialProviderRequest {
  readonly apiVersion: ApiVersion;
  /** As the kubelet names it: registry host and repository, without tag or digest. Not checked yet. */
  readonly image: string;
}

const envelope = z.object({
  kind: z.literal("CredentialProviderRequest"),
  apiVersion: z.string(),
  image: z.string().min(1),
});

/**
 * The last of a duplicate key counts, as everywhere in JavaScript; the kubelet never sends one. A byte-order mark is allowed
 * (RFC 8259 §8.1). Depth is harmless, because V8's parser does not recurse.
 *
 * @throws {ProtocolError} `request-too-large`, `request-not-json`, `request-invalid`, `api-version-unsupported`
 */
export function decodeCredentialProviderRequest(body: Buffer): CredentialProviderRequest {
  if (body.length > MAX_REQUEST_BYTES) throw new ProtocolError("request-too-large");
  const parsed = envelope.safeParse(parseJson(body));
  if (!parsed.success) throw new ProtocolError("request-invalid");
  const { apiVersion, image } = parsed.data;
  if (!isApiVersion(apiVersion)) throw new ProtocolError("api-version-unsupported");
  return { apiVersion, image };
}

/** Drops V8's error, which quotes the text. */
function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new ProtocolError("request-not-json");
  }
}

function isApiVersion(text: string): text is ApiVersion {
  return (API_VERSIONS as readonly string[]).includes(text);
}
