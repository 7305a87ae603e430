/**
 * The auth service: `POST /v1/x509` exchanges a node's certificate and a session key for a security token, and
 * `POST /v1/authentication/refresh` a person's token for one that lives longer (oci-cli src/oci_cli/cli_session.py).
 *
 * Accepts the three forms in which Oracle's SDKs name the certificate in keyId (TypeScript: SHA-1 in lower case, Python: SHA-1 in
 * upper case, Go: `fed-x509-sha256`), and nothing that Oracle would refuse.
 */
import { X509Certificate } from "node:crypto";
import * as z from "zod";
import { isUser } from "../auth/api-keys.ts";
import { parseDer, parseSessionKey } from "../auth/public-keys.ts";
import { parseRequestSignature, type RequestSignature, verifyRequestSignature } from "../auth/request-signature.ts";
import { SESSION_PREFIX } from "../auth/session-tokens.ts";
import type { Cloud } from "../cloud.ts";
import type { EndpointName } from "../endpoints.ts";
import type { Fault } from "../http/faults.ts";
import { parseAs, parseJson, type ReceivedRequest } from "../http/received-request.ts";
import { notAuthenticated, Refusal } from "../http/refusal.ts";
import { type HttpResponse, jsonResponse } from "../http/response.ts";

const PATH = "/v1/x509";
const REFRESH_PATH = "/v1/authentication/refresh";
const certificate = z.unknown().transform(parseCertificate);
const federationBody = z.strictObject({
  certificate,
  publicKey: z.unknown().transform((value) => parseSessionKey(value, "publicKey")),
  intermediateCertificates: z.array(certificate),
  purpose: z.literal("DEFAULT").optional(),
  fingerprintAlgorithm: z.literal("SHA256").optional(),
});
const refreshBody = z.strictObject({ currentToken: z.string() });

/** Between the attributes of a subject as Node writes it, also of those in one multi-valued RDN. */
const RDN_END = /\n| \+ /;

export function authEndpoint(request: ReceivedRequest): EndpointName {
  if (request.path === REFRESH_PATH) return "auth.refresh";
  return request.path === PATH ? "auth.x509" : "auth.other";
}

/** @throws {Refusal} */
export async function answerAuth(request: ReceivedRequest, cloud: Cloud, fault?: Fault): Promise<HttpResponse> {
  const isRefresh = request.path === REFRESH_PATH;
  if (request.path !== PATH && !isRefresh) throw new Refusal("NotAuthorizedOrNotFound", `no such path ${request.path}`);
  if (request.method !== "POST") throw new Refusal("MethodNotAllowed", `${request.method} ${request.path}`);
  const signature = parseRequestSignature(request.headers["authorization"]);
  if (isRefresh) return refresh(request, signature, cloud);
  if (request.headers["content-type"]?.split(";")[0] !== "application/json")
    throw new Refusal("InvalidParameter", "content-type is not application/json");
  const body = parseAs(federationBody, parseJson(request.body));
  const { certificate: leaf, publicKey } = body;
  if (!cloud.chain.isTrusted(leaf, body.intermediateCertificates)) {
    throw notAuthenticated("the certificate does not lead to our root, or is not valid now");
  }
  checkKeyId(signature.keyId, body);
  verifyRequestSignature(request, signature, leaf.publicKey, cloud.clock.wallMs());
  const token = await cloud.sessions.issue(publicKey, leaf.fingerprint, cloud.iam.groupExists(), fault?.token);
  return jsonResponse(200, { token });
}

/** Only for a person's session, and only while it lives. */
async function refresh(
  request: ReceivedRequest,
  signature: RequestSignature,
  { sessions, clock }: Cloud,
): Promise<HttpResponse> {
  const { currentToken } = parseAs(refreshBody, parseJson(request.body));
  if (signature.keyId !== `${SESSION_PREFIX}${currentToken}`) throw notAuthenticated("keyId is not the current token");
  const session = sessions.open(currentToken);
  verifyRequestSignature(request, signature, session.publicKey, clock.wallMs());
  if (!isUser(session.claims)) throw notAuthenticated("the token is not a person's");
  return jsonResponse(200, { token: await sessions.renew(session) });
}

function parseCertificate(value: unknown): X509Certificate {
  const der = parseDer(value, "certificate");
  try {
    return new X509Certificate(der);
  } catch (cause) {
    throw new Refusal("InvalidParameter", `certificate cannot be read: ${cause}`);
  }
}

function checkKeyId(keyId: string, { certificate: leaf, fingerprintAlgorithm }: z.infer<typeof federationBody>): void {
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
