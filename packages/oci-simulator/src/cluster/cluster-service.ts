/**
 * The simulated OKE cluster: the token exchange of port 12250 of a cluster's API endpoint, which turns a service-account token into
 * a session of that account, and the API server's published keys. Responds as oci-go-sdk expects
 * (common/auth/federation_client_oke_workload_identity.go), with errors as port 12250 returns them to nodes
 * (oracle-quickstart/oci-hpc-oke#6).
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import type { SessionTokens } from "../auth/session-tokens.ts";
import type { EndpointName } from "../endpoints.ts";
import type { TokenFlaw } from "../http/faults.ts";
import type { ReceivedRequest } from "../http/received-request.ts";
import { notAuthenticated, Refusal } from "../http/refusal.ts";
import { type HttpResponse, jsonResponse } from "../http/response.ts";
import type { ServiceAccounts } from "../service-accounts.ts";

export interface ClusterServiceOptions {
  readonly serviceAccounts: ServiceAccounts;
  readonly sessions: SessionTokens;
  /** False for a basic cluster, which exchanges no tokens. */
  isEnhanced(): boolean;
  /** The fault of the issued token. */
  readonly flaw?: TokenFlaw | undefined;
}

const EXCHANGE_PATH = "/resourcePrincipalSessionTokens";
const KEYS_PATH = "/openid/v1/jwks";
const MIN_KEY_BITS = 2_048;

export function clusterEndpoint(request: ReceivedRequest): EndpointName {
  if (request.path === EXCHANGE_PATH) return "cluster.tokenExchange";
  return request.path === KEYS_PATH ? "cluster.keys" : "cluster.other";
}

/** @throws {Refusal} */
export async function answerCluster(request: ReceivedRequest, options: ClusterServiceOptions): Promise<HttpResponse> {
  if (request.path === KEYS_PATH) return keysResponse(request, options);
  if (request.path !== EXCHANGE_PATH || request.method !== "POST")
    throw new Refusal("NotAuthorizedOrNotFound", `no ${request.method} ${request.path}`);
  return exchange(request, options);
}

/** Kubernetes binds system:service-account-issuer-discovery to every service account, and to no anonymous user. */
function keysResponse(request: ReceivedRequest, { serviceAccounts }: ClusterServiceOptions): HttpResponse {
  if (request.method !== "GET") throw new Refusal("MethodNotAllowed", `${request.method} ${KEYS_PATH}`);
  serviceAccounts.review(bearerOf(request));
  return jsonResponse(200, serviceAccounts.keys, { "content-type": "application/jwk-set+json" });
}

async function exchange(request: ReceivedRequest, options: ClusterServiceOptions): Promise<HttpResponse> {
  if (!options.isEnhanced()) throw new Refusal("Forbidden", "the cluster is not enhanced");
  if (request.headers["content-type"] !== "application/json")
    throw new Refusal("InvalidParameter", "content-type is not application/json");
  const serviceAccount = options.serviceAccounts.review(bearerOf(request));
  const token = await options.sessions.issueForServiceAccount(podKeyOf(request.body), serviceAccount, options.flaw);
  const encoded = Buffer.from(JSON.stringify({ token: `ST$${token}` })).toString("base64");
  return jsonResponse(200, encoded);
}

function bearerOf(request: ReceivedRequest): string {
  const [, token] = /^Bearer (\S+)$/.exec(request.headers["authorization"] ?? "") ?? [];
  if (token === undefined) throw notAuthenticated("no Bearer token");
  return token;
}

/** PEM as Go sends it, or only its base64 as Python does. */
function podKeyOf(body: Buffer): KeyObject {
  let key: KeyObject;
  try {
    const { podKey } = JSON.parse(body.toString()) as { podKey: string };
    const der = Buffer.from(podKey.replace(/-----[^-]+-----|\s/g, ""), "base64");
    key = createPublicKey({ key: der, format: "der", type: "spki" });
  } catch (cause) {
    throw new Refusal("InvalidParameter", `podKey cannot be read: ${cause}`);
  }
  if (key.asymmetricKeyType !== "rsa" || (key.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_KEY_BITS)
    throw new Refusal("InvalidParameter", "podKey is not RSA of 2048 bits or more");
  return key;
}
