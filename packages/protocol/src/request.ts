/**
 * Decodes the kubelet's message on a credential provider's standard input: one CredentialProviderRequest.
 *
 * Accepts and drops fields that a newer kubelet may add. Checks only the envelope and the form of a service-account token
 * (KEP-4412); the package ocir checks the image, and the cluster's token exchange the token.
 */
import { Secret } from "@ocir-broker/foundation/secret";
import { API_VERSIONS, type ApiVersion } from "./contract.ts";
import { ProtocolError } from "./protocol-error.ts";

export interface CredentialProviderRequest {
  readonly apiVersion: ApiVersion;
  /** As the kubelet names it: registry host and repository, without tag or digest. Not checked yet. */
  readonly image: string;
  /** Only if the kubelet's entry has tokenAttributes, and the pod a service account. */
  readonly serviceAccount?: RequestedServiceAccount;
}

/** Nothing here is verified: the token's claims and the annotations are as the client sent them. */
export interface RequestedServiceAccount {
  readonly token: Secret;
  /** Those that the kubelet's entry names and the service account has. */
  readonly annotations: Readonly<Record<string, string>>;
}

/** The only version with fields for service accounts. In the others they would be dropped, and the node's identity used. */
const SERVICE_ACCOUNT_VERSION: ApiVersion = API_VERSIONS[0];

/** Tokens have 1 to 2 KiB. */
const MAX_TOKEN_LENGTH = 16 * 1_024;

const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

interface Envelope {
  readonly apiVersion: string;
  readonly image: string;
  readonly serviceAccountToken?: string | null;
  readonly serviceAccountAnnotations?: Readonly<Record<string, string>> | null;
}

/** Strips a byte-order mark, and throws for bytes that are not UTF-8. */
const UTF8 = new TextDecoder("utf-8", { fatal: true });

/**
 * The last of a duplicate key counts, as everywhere in JavaScript; the kubelet never sends one. A byte-order mark is allowed
 * (RFC 8259 §8.1). Depth is harmless, because V8's parser does not recurse.
 *
 * @throws {ProtocolError} `request-…`, `api-version-unsupported`, `service-account-token-invalid`
 */
export function decodeCredentialProviderRequest(body: Buffer): CredentialProviderRequest {
  const parsed = parseJson(body);
  if (!isEnvelope(parsed)) throw new ProtocolError("request-invalid");
  const { apiVersion, image, serviceAccountToken: token, serviceAccountAnnotations: annotations } = parsed;
  if (!isApiVersion(apiVersion)) throw new ProtocolError("api-version-unsupported");
  // The kubelet omits both fields if they are empty.
  if (!token) return { apiVersion, image };
  if (apiVersion !== SERVICE_ACCOUNT_VERSION) throw new ProtocolError("request-invalid");
  if (token.length > MAX_TOKEN_LENGTH || !JWT.test(token)) throw new ProtocolError("service-account-token-invalid");
  return { apiVersion, image, serviceAccount: { token: new Secret(token), annotations: annotations ?? {} } };
}

/** Without a schema library, which takes 13 µs of each call to an otherwise idle daemon. */
function isEnvelope(value: unknown): value is Envelope {
  if (!isRecord(value)) return false;
  const { kind, apiVersion, image, serviceAccountToken: token, serviceAccountAnnotations: annotations } = value;
  return (
    kind === "CredentialProviderRequest" &&
    isText(apiVersion) &&
    isText(image) &&
    image !== "" &&
    (isAbsent(token) || isText(token)) &&
    (isAbsent(annotations) || (isRecord(annotations) && Object.values(annotations).every(isText)))
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

/** Drops V8's error, which quotes the text. */
function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(UTF8.decode(body));
  } catch {
    throw new ProtocolError("request-not-json");
  }
}

function isApiVersion(text: string): text is ApiVersion {
  return (API_VERSIONS as readonly string[]).includes(text);
}
