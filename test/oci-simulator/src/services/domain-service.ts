/**
 * The identity domain's token endpoint: exchanges a service-account token of a trusted issuer for a UPST (RFC 8693; oci-go-sdk,
 * common/auth/federation_client.go). Asked by a confidential client (HTTP Basic) or with an instance principal's signature.
 *
 * Errors have OAuth's form (RFC 6749 §5.2): 401 for who asks, 400 for the request or the token in it.
 */
import * as z from "zod";
import { parseSessionKey } from "../auth/public-keys.ts";
import { parseRequestSignature, verifyRequestSignature } from "../auth/request-signature.ts";
import { isMember, SESSION_PREFIX } from "../auth/session-tokens.ts";
import type { Cloud } from "../cloud.ts";
import type { Asker } from "../domain/propagation-trusts.ts";
import type { EndpointName } from "../endpoints.ts";
import type { Fault } from "../http/faults.ts";
import { parseAs, type ReceivedRequest } from "../http/received-request.ts";
import { notAuthenticated, Refusal } from "../http/refusal.ts";
import { type HttpResponse, jsonResponse } from "../http/response.ts";

const PATH = "/oauth2/v1/token";
const exchangeForm = z.strictObject({
  grant_type: z.literal("urn:ietf:params:oauth:grant-type:token-exchange"),
  requested_token_type: z.literal("urn:oci:token-type:oci-upst"),
  subject_token_type: z.literal("jwt"),
  subject_token: z.string(),
  public_key: z.unknown().transform((value) => parseSessionKey(value, "public_key")),
});

export function domainEndpoint(request: ReceivedRequest): EndpointName {
  return request.path === PATH ? "domain.token" : "domain.other";
}

export function failDomain(status: number): HttpResponse {
  const error = status === 401 ? "invalid_client" : status < 500 ? "invalid_request" : "server_error";
  return jsonResponse(status, { error, error_description: "error" });
}

export async function answerDomain(request: ReceivedRequest, cloud: Cloud, fault?: Fault): Promise<HttpResponse> {
  if (request.path !== PATH || request.method !== "POST") return failDomain(404);
  let status = 401;
  try {
    const asker = askerOf(request, cloud);
    status = 400;
    return await exchange(request, asker, cloud, fault);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { ...failDomain(status), reason: error.message };
  }
}

function askerOf(request: ReceivedRequest, { trusts, sessions, clock, iam }: Cloud): Asker {
  const { authorization } = request.headers;
  const [, encoded] = /^Basic (\S+)$/.exec(authorization ?? "") ?? [];
  if (encoded !== undefined) {
    const [clientId = "", ...secret] = Buffer.from(encoded, "base64").toString().split(":");
    if (!trusts.hasClient(clientId, secret.join(":"))) throw notAuthenticated("no such client, or another secret");
    return { clientId };
  }
  const signature = parseRequestSignature(authorization);
  if (!signature.keyId.startsWith(SESSION_PREFIX)) throw notAuthenticated("keyId is not a session token");
  const { publicKey, claims } = sessions.open(signature.keyId.slice(SESSION_PREFIX.length));
  if (!signature.headers.includes("host")) throw notAuthenticated("host is not covered");
  verifyRequestSignature(request, signature, publicKey, clock.wallMs());
  const mayAsk = claims["ptype"] === "instance" && isMember(claims) && iam.groupExists();
  if (!mayAsk) throw notAuthenticated("no policy lets this principal GET_RPST");
  return "instance";
}

async function exchange(
  request: ReceivedRequest,
  asker: Asker,
  { trusts, sessions, clock }: Cloud,
  fault?: Fault,
): Promise<HttpResponse> {
  const form = parseForm(request);
  const { user, endsAtS } = trusts.exchange(form.subject_token, asker, clock.wallMs());
  return jsonResponse(200, { token: await sessions.issueServiceUser(form.public_key, user, endsAtS, fault?.token) });
}

function parseForm({ headers, body }: ReceivedRequest): z.infer<typeof exchangeForm> {
  if (headers["content-type"] !== "application/x-www-form-urlencoded")
    throw new Refusal("InvalidParameter", "content-type is not a form's");
  const fields = new URLSearchParams(body.toString());
  for (const name of fields.keys())
    if (fields.getAll(name).length > 1) throw new Refusal("InvalidParameter", `${name} is given twice`);
  return parseAs(exchangeForm, Object.fromEntries(fields));
}
