/**
 * The auth service: `POST /v1/x509` exchanges a node's certificate and a session key for a security token, and
 * `POST /v1/authentication/refresh` a person's token for one that lives longer (oci-cli src/oci_cli/cli_session.py).
 *
 * Accepts the three forms in which Oracle's SDKs name the certificate in keyId (TypeScript: SHA-1 in lower case, Python: SHA-1 in
 * upper case, Go: `fed-x509-sha256`), and nothing that Oracle would refuse.
 */
import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { EndpointName } from "../endpoints.ts";
import type { TokenFlaw } from "../http/faults.ts";
import type { ReceivedRequest } from "../http/received-request.ts";
import { notAuthenticated, Refusal } from "../http/refusal.ts";
import { type HttpResponse, jsonResponse } from "../http/response.ts";
import type { CertificateChain } from "../metadata/certificate-chain.ts";
import { poolTagOf } from "../metadata/instance-tags.ts";
import { isUser } from "./api-keys.ts";
import { parseRequestSignature, type RequestSignature, verifyRequestSignature } from "./request-signature.ts";
import { SESSION_PREFIX, type SessionTokens } from "./session-tokens.ts";

export interface AuthServiceOptions {
  readonly chain: CertificateChain;
  readonly sessions: SessionTokens;
  readonly clock: Clock;
  /** Whether the dynamic group contains an instance whose certificate has this tag, which the token records. */
  isInGroup(certifiedTag: string): boolean;
  /** The fault of the issued token. */
  readonly flaw?: TokenFlaw | undefined;
}

interface FederationBody {
  readonly leaf: X509Certificate;
  readonly intermediates: readonly X509Certificate[];
  readonly publicKey: KeyObject;
  readonly fingerprintAlgorithm: string | undefined;
}

const PATH = "/v1/x509";
const REFRESH_PATH = "/v1/authentication/refresh";
const FIELDS = ["certificate", "publicKey", "intermediateCertificates", "purpose", "fingerprintAlgorithm"];
const MIN_KEY_BITS = 2_048;

/** Between the attributes of a subject as Node writes it, also of those in one multi-valued RDN. */
const RDN_END = /\n| \+ /;

export function authEndpoint(request: ReceivedRequest): EndpointName {
  if (request.path === REFRESH_PATH) return "auth.refresh";
  return request.path === PATH ? "auth.x509" : "auth.other";
}

/** @throws {Refusal} */
export async function answerAuth(request: ReceivedRequest, options: AuthServiceOptions): Promise<HttpResponse> {
  const isRefresh = request.path === REFRESH_PATH;
  if (request.path !== PATH && !isRefresh) throw new Refusal("NotAuthorizedOrNotFound", `no such path ${request.path}`);
  if (request.method !== "POST") throw new Refusal("MethodNotAllowed", `${request.method} ${request.path}`);
  const signature = parseRequestSignature(request.headers["authorization"]);
  if (isRefresh) return refresh(request, signature, options);
  const body = parseFederationBody(request);
  if (!options.chain.isTrusted(body.leaf, body.intermediates)) {
    throw notAuthenticated("the certificate does not lead to our root, or is not valid now");
  }
  checkKeyId(signature.keyId, body);
  verifyRequestSignature(request, signature, body.leaf.publicKey, options.clock.wallMs());
  const { sessions, isInGroup, flaw } = options;
  const token = await sessions.issue(body.publicKey, body.leaf.fingerprint, isInGroup(poolTagOf(body.leaf)), flaw);
  return jsonResponse(200, { token });
}

/** Only for a person's session, and only while it lives. */
async function refresh(
  request: ReceivedRequest,
  signature: RequestSignature,
  { sessions, clock }: AuthServiceOptions,
): Promise<HttpResponse> {
  const { currentToken, ...unknown } = parseJsonObject(request.body);
  if (Object.keys(unknown).length > 0) throw new Refusal("InvalidParameter", "currentToken is the only field");
  if (signature.keyId !== `${SESSION_PREFIX}${currentToken}`) throw notAuthenticated("keyId is not the current token");
  const session = sessions.open(String(currentToken));
  verifyRequestSignature(request, signature, session.publicKey, clock.wallMs());
  if (!isUser(session.claims)) throw notAuthenticated("the token is not a person's");
  return jsonResponse(200, { token: await sessions.renew(session) });
}

function parseFederationBody(request: ReceivedRequest): FederationBody {
  if (request.headers["content-type"]?.split(";")[0] !== "application/json")
    throw new Refusal("InvalidParameter", "content-type is not application/json");
  const body = parseJsonObject(request.body);
  for (const name of Object.keys(body)) {
    if (!FIELDS.includes(name)) throw new Refusal("InvalidParameter", `unknown field ${name}`);
  }
  const { certificate, publicKey, intermediateCertificates, purpose, fingerprintAlgorithm } = body;
  if (purpose !== undefined && purpose !== "DEFAULT") throw new Refusal("InvalidParameter", "purpose is not DEFAULT");
  if (fingerprintAlgorithm !== undefined && fingerprintAlgorithm !== "SHA256") {
    throw new Refusal("InvalidParameter", "fingerprintAlgorithm is not SHA256");
  }
  if (!Array.isArray(intermediateCertificates))
    throw new Refusal("InvalidParameter", "intermediateCertificates is not a list");
  return {
    leaf: parseCertificate(certificate),
    intermediates: intermediateCertificates.map(parseCertificate),
    publicKey: parseSessionKey(publicKey),
    fingerprintAlgorithm,
  };
}

function parseJsonObject(bytes: Buffer): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch (cause) {
    throw new Refusal("InvalidParameter", `body is not JSON: ${cause}`);
  }
  if (typeof value !== "object" || value === null) throw new Refusal("InvalidParameter", "body is not a JSON object");
  return value as Record<string, unknown>;
}

/** Base64 of DER: no PEM armour, no line ends. */
function parseDer(value: unknown, what: string): Buffer {
  const bytes = Buffer.from(String(value), "base64");
  if (typeof value !== "string" || bytes.length === 0 || bytes.toString("base64") !== value) {
    throw new Refusal("InvalidParameter", `${what} is not base64 on one line`);
  }
  return bytes;
}

function parseCertificate(value: unknown): X509Certificate {
  const der = parseDer(value, "certificate");
  try {
    return new X509Certificate(der);
  } catch (cause) {
    throw new Refusal("InvalidParameter", `certificate cannot be read: ${cause}`);
  }
}

function parseSessionKey(value: unknown): KeyObject {
  const der = parseDer(value, "publicKey");
  let key: KeyObject;
  try {
    key = createPublicKey({ key: der, format: "der", type: "spki" });
  } catch (cause) {
    throw new Refusal("InvalidParameter", `publicKey cannot be read: ${cause}`);
  }
  if (key.asymmetricKeyType !== "rsa" || (key.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_KEY_BITS) {
    throw new Refusal("InvalidParameter", "publicKey is not RSA of 2048 bits or more");
  }
  return key;
}

function checkKeyId(keyId: string, { leaf, fingerprintAlgorithm }: FederationBody): void {
  const [tenancy, scheme, fingerprint, ...rest] = keyId.split("/");
  const isOwnTenancy = leaf.subject.split(RDN_END).includes(`OU=opc-tenant:${tenancy}`);
  if (!isOwnTenancy || rest.length > 0) throw notAuthenticated("keyId does not name the certificate's tenancy");
  const known =
    scheme === "fed-x509-sha256" && fingerprintAlgorithm === "SHA256"
      ? [leaf.fingerprint256.toLowerCase()]
      : scheme === "fed-x509" && fingerprintAlgorithm === undefined
        ? [leaf.fingerprint.toLowerCase(), leaf.fingerprint]
        : [];
  if (fingerprint === undefined || !known.includes(fingerprint))
    throw notAuthenticated("keyId does not name the certificate");
}
