/**
 * The simulated OKE cluster: the token exchange of port 12250 of a cluster's API endpoint, which turns a service-account token into
 * a session of that account, and the API server's published keys. Responds as oci-go-sdk expects
 * (common/auth/federation_client_oke_workload_identity.go), with errors as port 12250 returns them to nodes
 * (oracle-quickstart/oci-hpc-oke#6).
 */
import type { KeyObject } from "node:crypto";
import * as z from "zod";
import { parseSessionKey } from "../auth/public-keys.ts";
import type { Cloud } from "../cloud.ts";
import type { EndpointName } from "../endpoints.ts";
import type { Fault } from "../http/faults.ts";
import { parseAs, parseJson, type ReceivedRequest } from "../http/received-request.ts";
import { notAuthenticated, Refusal } from "../http/refusal.ts";
import { type HttpResponse, jsonResponse } from "../http/response.ts";

const EXCHANGE_PATH = "/resourcePrincipalSessionTokens";
const KEYS_PATH = "/openid/v1/jwks";
const exchangeBody = z.object({ podKey: z.string() });

export function clusterEndpoint(request: ReceivedRequest): EndpointName {
  if (request.path === EXCHANGE_PATH) return "cluster.tokenExchange";
  return request.path === KEYS_PATH ? "cluster.keys" : "cluster.other";
}

/** @throws {Refusal} */
export async function answerCluster(request: ReceivedRequest, cloud: Cloud, fault?: Fault): Promise<HttpResponse> {
  if (request.path === KEYS_PATH) return keysResponse(request, cloud);
  if (request.path !== EXCHANGE_PATH || request.method !== "POST")
    throw new Refusal("NotAuthorizedOrNotFound", `no ${request.method} ${request.path}`);
  return exchange(request, cloud, fault);
}

/** Kubernetes binds system:service-account-issuer-discovery to every service account, and to no anonymous user. */
function keysResponse(request: ReceivedRequest, { serviceAccounts }: Cloud): HttpResponse {
  if (request.method !== "GET") throw new Refusal("MethodNotAllowed", `${request.method} ${KEYS_PATH}`);
  serviceAccounts.review(bearerOf(request));
  return jsonResponse(200, serviceAccounts.keys, { "content-type": "application/jwk-set+json" });
}

async function exchange(request: ReceivedRequest, cloud: Cloud, fault?: Fault): Promise<HttpResponse> {
  if (!cloud.isEnhanced) throw new Refusal("Forbidden", "the cluster is not enhanced");
  if (request.headers["content-type"] !== "application/json")
    throw new Refusal("InvalidParameter", "content-type is not application/json");
  const serviceAccount = cloud.serviceAccounts.review(bearerOf(request));
  const token = await cloud.sessions.issueForServiceAccount(podKeyOf(request.body), serviceAccount, fault?.token);
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
  const { podKey } = parseAs(exchangeBody, parseJson(body));
  return parseSessionKey(podKey.replace(/-----[^-]+-----|\s/g, ""), "podKey");
}
