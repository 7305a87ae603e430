/**
 * OCIR's token endpoint, GetAccessToken of Oracle's "Container Registry API" 20180419, with three kinds of requests: signed with a
 * session or a user's API key (gets an identity token), Basic `BEARER_TOKEN:<token>` (the registry's own token flow), and anonymous
 * (gets an anonymous token).
 */
import { parseRequestSignature, verifyRequestSignature } from "../auth/request-signature.ts";
import { isMember, SESSION_PREFIX } from "../auth/session-tokens.ts";
import type { Cloud } from "../cloud.ts";
import type { EndpointName } from "../endpoints.ts";
import type { TokenFlaw } from "../http/faults.ts";
import type { ReceivedRequest } from "../http/received-request.ts";
import { notAuthenticated, Refusal } from "../http/refusal.ts";
import { type HttpResponse, jsonResponse } from "../http/response.ts";
import type { Claims } from "../jwt.ts";
import { ANONYMOUS } from "../registry/registry-tokens.ts";

export const TOKEN_PATH = "/20180419/docker/token";

/** The longest parameters of GetAccessToken. */
const MAX_LENGTH = { service: 255, scope: 1_024 };

const BASIC_USER = "BEARER_TOKEN";

export function tokenEndpointName(request: ReceivedRequest): EndpointName {
  const { authorization } = request.headers;
  if (authorization === undefined) return "registry.anonymousToken";
  return isBasic(authorization) ? "registry.basicToken" : "registry.token";
}

/** @throws {Refusal} */
export function answerToken(request: ReceivedRequest, cloud: Cloud, flaw?: TokenFlaw): HttpResponse {
  if (request.method !== "GET" && request.method !== "HEAD")
    throw new Refusal("MethodNotAllowed", `${request.method} ${TOKEN_PATH}`);
  for (const [name, limit] of Object.entries(MAX_LENGTH)) {
    if (request.query.getAll(name).some(({ length }) => length > limit))
      throw new Refusal("InvalidParameter", `${name} has more than ${limit} characters`);
  }
  const scopes = request.query
    .getAll("scope")
    .flatMap((scope) => scope.split(" "))
    .filter((scope) => scope !== "");
  const isBasicAuth = tokenEndpointName(request) === "registry.basicToken";
  let holder: Claims;
  try {
    holder = holderOf(request, cloud);
  } catch (error) {
    if (error instanceof Refusal && error.code === "NotAuthenticated" && isBasicAuth)
      return refusePassword(error.message);
    throw error;
  }
  const named = flaw === "anonymous" ? ANONYMOUS : holder;
  const service = request.query.get("service") || request.host;
  return jsonResponse(200, cloud.tokens.issue(service, named, { scopes, isBasicAuth, flaw }));
}

/** Docker shows this as `unknown: Unauthorized`, as reported for a login at OCIR with a wrong password. */
function refusePassword(reason: string): HttpResponse {
  return { ...jsonResponse(401, { errors: [{ code: "UNKNOWN", message: "Unauthorized" }] }), reason };
}

function holderOf(request: ReceivedRequest, cloud: Cloud): Claims {
  const { authorization } = request.headers;
  if (authorization === undefined) return ANONYMOUS;
  if (isBasic(authorization)) return cloud.tokens.open(passwordOf(authorization), request.host);
  const signature = parseRequestSignature(authorization);
  const { keyId } = signature;
  const { publicKey, claims } = keyId.startsWith(SESSION_PREFIX)
    ? cloud.sessions.open(keyId.slice(SESSION_PREFIX.length))
    : cloud.apiKeys.find(keyId);
  verifyRequestSignature(request, signature, publicKey, cloud.clock.wallMs());
  // It is unknown which of the two tokens determines the membership, so both must be newer than the group.
  return isMember(claims) && !cloud.iam.groupExists() ? { ...claims, "opc-tag": "" } : claims;
}

function isBasic(authorization: string): boolean {
  return /^basic /i.test(authorization);
}

function passwordOf(authorization: string): string {
  const [user, ...password] = Buffer.from(authorization.slice("Basic ".length), "base64").toString().split(":");
  if (user !== BASIC_USER) throw notAuthenticated(`the user is not ${BASIC_USER}`);
  return password.join(":");
}
