/** The request `POST /v1/x509` in the form that Oracle's TypeScript SDK sends: same body, same key id, same signed headers. */
import type { KeyObject, X509Certificate } from "node:crypto";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import { urlBelow } from "@ocir-broker/foundation/url-below";
import { IdentityError } from "../identity-error.ts";
import { signPost } from "../signed-post.ts";
import type { LeafCertificate } from "./leaf-certificate.ts";

export interface FederationRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body: string;
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
): FederationRequest {
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
