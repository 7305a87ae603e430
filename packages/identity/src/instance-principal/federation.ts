/**
 * X.509 federation: exchanges the instance's certificate for a session token that is bound to our key.
 *
 * Owns the request `POST <auth service>/v1/x509` and the classification of its response. It never retries: after a 401 the caller
 * reads the certificate again, and the cache has the back-off. It never changes an existing session.
 */
import type { KeyObject, X509Certificate } from "node:crypto";
import type { UpstreamErrorCode } from "@ocir-broker/foundation/error-codes";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import { isSkewed } from "@ocir-broker/foundation/time/clock-skew";
import { UpstreamError, type UpstreamRequest, type UpstreamResponse } from "@ocir-broker/foundation/upstream";
import { urlBelow } from "@ocir-broker/foundation/url-below";
import type { IdentityErrorCode } from "../error-codes.ts";
import { IdentityError } from "../identity-error.ts";
import { signPost } from "../signed-post.ts";
import type { LeafCertificate } from "./leaf-certificate.ts";
import { type ReportedOptions, reported } from "./reported.ts";
import { decodeSessionToken, type SessionToken } from "./session-token.ts";

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

/** @throws {IdentityError} `federation-*`, `token-key-mismatch`, `clock-skew`, `sdk-failed` or `aborted`. */
export async function federate(
  authUrl: URL,
  leaf: LeafCertificate,
  sessionPublicKey: KeyObject,
  options: ReportedOptions,
  signal: AbortSignal,
): Promise<SessionToken> {
  const { clock } = options;
  const request = createFederationRequest(authUrl, leaf, sessionPublicKey, clock.wallMs());
  const response = await post({ ...request, method: "POST", signal }, options);
  if (response.status === 200) return decodeSessionToken(response, sessionPublicKey, authUrl.host);
  throw new IdentityError(codeOf(response, clock.wallMs()), authUrl.host, { response });
}

async function post(request: UpstreamRequest, options: ReportedOptions): Promise<UpstreamResponse> {
  const send = reported("federation", options);
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
