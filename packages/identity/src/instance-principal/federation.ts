/**
 * X.509 federation: exchanges the instance's certificate for a session token that is bound to our key.
 *
 * Owns the request `POST <auth service>/v1/x509` and the classification of its response. It never retries: after a 401 the caller
 * reads the certificate again, and the cache has the back-off. It never changes an existing session.
 */
import type { KeyObject, X509Certificate } from "node:crypto";
import type { UpstreamErrorCode } from "@ocir-broker/foundation/error-codes";
import type { Expiring } from "@ocir-broker/foundation/expiring";
import { parseJson } from "@ocir-broker/foundation/parse-json";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { isSkewed } from "@ocir-broker/foundation/time/clock-skew";
import {
  type SendRequest,
  UpstreamError,
  type UpstreamRequest,
  type UpstreamResponse,
} from "@ocir-broker/foundation/upstream";
import { urlBelow } from "@ocir-broker/foundation/url-below";
import * as z from "zod";
import type { IdentityErrorCode } from "../error-codes.ts";
import { IdentityError } from "../identity-error.ts";
import type { SigningSession } from "../identity-provider.ts";
import type { KeyPair } from "../session-keys.ts";
import { signPost } from "../signed-post.ts";
import type { LeafCertificate } from "./leaf-certificate.ts";
import { sessionOf, TOKEN_PREFIX } from "./session-token.ts";

const responseBody = z.object({ token: z.string().regex(/^[\w-]+\.[\w-]+\.[\w-]+$/) });

/** Failures that fixing the network route would not cure get their own code. */
const FAILURES: Partial<Readonly<Record<UpstreamErrorCode, IdentityErrorCode>>> = {
  aborted: "aborted",
  "upstream-response-too-large": "federation-invalid",
  "name-not-found": "federation-name-not-resolved",
  "name-not-resolved": "federation-name-not-resolved",
  "proxy-refused": "federation-proxy-refused",
  "proxy-unreachable": "federation-proxy-unreachable",
  tls: "federation-tls",
};

/** @throws {IdentityError} `federation-*`, `clock-skew`, `sdk-failed` or `aborted`. */
export async function federate(
  authUrl: URL,
  leaf: LeafCertificate,
  keys: KeyPair,
  { clock, send }: { readonly clock: Clock; readonly send: SendRequest },
  signal: AbortSignal,
): Promise<Expiring<SigningSession>> {
  const request = createFederationRequest(authUrl, leaf, keys.publicKey, clock.wallMs());
  const response = await post({ ...request, method: "POST", signal }, send);
  if (response.status !== 200) throw new IdentityError(codeOf(response, clock.wallMs()), authUrl.host, { response });
  const token = responseBody.safeParse(parseJson(response.body)).data?.token;
  const session = sessionOf(token && `${TOKEN_PREFIX}${token}`, response, keys, clock);
  if (session === undefined) throw new IdentityError("federation-invalid", authUrl.host);
  return session;
}

async function post(request: UpstreamRequest, send: SendRequest): Promise<UpstreamResponse> {
  try {
    return await send(request);
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    throw new IdentityError(FAILURES[error.code] ?? "federation-unreachable", request.url.host, { cause: error });
  }
}

function codeOf({ status, serverDateMs }: UpstreamResponse, wallMs: number): IdentityErrorCode {
  if (status === 401) return isSkewed(serverDateMs, wallMs) ? "clock-skew" : "federation-unauthorized";
  if (status === 429) return "federation-throttled";
  return status >= 500 ? "federation-unavailable" : "federation-refused";
}

/**
 * `wallMs` is the time of signing in epoch milliseconds.
 *
 * @throws {IdentityError} `sdk-failed` if the leaf's key cannot make an RSA signature, without OpenSSL's error, which may quote the key.
 */
export function createFederationRequest(
  authUrl: URL,
  { certificate, intermediates, privateKey, tenancyId }: LeafCertificate,
  sessionPublicKey: KeyObject,
  wallMs: number,
) {
  const url = urlBelow(authUrl, "/v1/x509");
  const body = JSON.stringify({
    certificate: base64Of(certificate),
    purpose: "DEFAULT",
    publicKey: sessionPublicKey.export({ type: "spki", format: "der" }).toString("base64"),
    intermediateCertificates: intermediates.map(base64Of),
  });
  const keyId = `${tenancyId}/fed-x509/${certificate.fingerprint.toLowerCase()}`;
  const headers = resultIfAny(() =>
    signPost({ url, contentType: "application/json", body, keyId, privateKey, wallMs }),
  );
  if (headers === undefined) throw new IdentityError("sdk-failed", authUrl.host);
  return { url, headers, body };
}

function base64Of(certificate: X509Certificate): string {
  return certificate.raw.toString("base64");
}
