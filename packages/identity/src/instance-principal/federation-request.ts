/**
 * The request `POST /v1/x509` in the form that Oracle's TypeScript SDK sends: same body, same key id, same signed headers.
 *
 * Signed with node:crypto, because the SDK's public signer covers `x-date`, and the auth service is only known to accept
 * a signature over `date`. A test compares every byte with what oci-common's own federation client produces.
 */
import { createHash, type KeyObject, sign, type X509Certificate } from "node:crypto";
import type { LeafCertificate } from "./leaf-certificate.ts";

export interface FederationRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body: string;
}

const SIGNED_HEADERS = ["date", "(request-target)", "host", "content-type", "content-length", "x-content-sha256"];

/**
 * `wallMs` is the time of signing in epoch milliseconds.
 *
 * @throws {TypeError} if the leaf's key cannot make an RSA signature; its message may quote the key.
 */
export function createFederationRequest(
  authUrl: URL,
  leaf: LeafCertificate,
  sessionPublicKey: KeyObject,
  wallMs: number,
): FederationRequest {
  const url = new URL(`${authUrl.href.replace(/\/+$/, "")}/v1/x509`);
  const body = JSON.stringify({
    certificate: base64Of(leaf.certificate),
    purpose: "DEFAULT",
    publicKey: sessionPublicKey.export({ type: "spki", format: "der" }).toString("base64"),
    intermediateCertificates: leaf.intermediates.map(base64Of),
  });
  const date = new Date(wallMs).toUTCString();
  const headers = {
    "content-length": String(Buffer.byteLength(body)),
    "content-type": "application/json",
    date,
    host: url.host,
    "x-content-sha256": createHash("sha256").update(body).digest("base64"),
    "x-date": date,
  };
  return { url, headers: { ...headers, authorization: authorizationOf(url, headers, leaf) }, body };
}

function authorizationOf(
  { pathname }: URL,
  headers: Readonly<Record<string, string>>,
  { certificate, privateKey, tenancyId }: LeafCertificate,
): string {
  const lines = SIGNED_HEADERS.map((name) =>
    name === "(request-target)" ? `${name}: post ${pathname}` : `${name}: ${headers[name]}`,
  );
  const signature = sign("sha256", Buffer.from(lines.join("\n")), privateKey).toString("base64");
  const keyId = `${tenancyId}/fed-x509/${certificate.fingerprint.toLowerCase()}`;
  const fields = { version: "1", keyId, algorithm: "rsa-sha256", headers: SIGNED_HEADERS.join(" "), signature };
  return `Signature ${Object.entries(fields)
    .map(([name, value]) => `${name}="${value}"`)
    .join(",")}`;
}

function base64Of(certificate: X509Certificate): string {
  return certificate.raw.toString("base64");
}
