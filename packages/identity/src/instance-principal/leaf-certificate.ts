/**
 * The instance's proof of identity: leaf certificate, its key, and the intermediate certificate.
 *
 * OCI rotates them several times a day, and the three reads are not atomic: after a rotation in between, the key does not match
 * the certificate. So they are read together, compared, and read again on a mismatch. The key is stored as a KeyObject, which
 * never prints its content.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { isSkewed, LARGEST_SKEW_MS } from "@ocir-broker/foundation/time/clock-skew";
import type { IdentityErrorCode } from "../error-codes.ts";
import { IdentityError } from "../identity-error.ts";
import type { MetadataResponse, MetadataService } from "./metadata-service.ts";

export interface LeafCertificate {
  readonly certificate: X509Certificate;
  readonly privateKey: KeyObject;
  /** At least one. */
  readonly intermediates: readonly X509Certificate[];
  readonly tenancyId: string;
}

const PATHS = ["/identity/cert.pem", "/identity/key.pem", "/identity/intermediate.pem"] as const;

/** More than one retry, because of slow replicas; a second rotation within a second does not occur. */
const READS = 3;

const READ_AGAIN: ReadonlySet<IdentityErrorCode> = new Set([
  "certificate-expired",
  "certificate-invalid",
  "certificate-mismatch",
  "metadata-invalid",
]);

/** @throws {IdentityError} `certificate-*`, `clock-skew`, `identity-not-ready`, `aborted` or one of `metadata-*`. */
export async function readLeafCertificate(
  metadata: MetadataService,
  clock: Clock,
  signal: AbortSignal,
): Promise<LeafCertificate> {
  for (let read = 1; ; read++) {
    const responses = await metadata.read(PATHS, signal);
    try {
      return decodeLeafCertificate(responses, clock.wallMs());
    } catch (error) {
      if (read === READS || !(error instanceof IdentityError && READ_AGAIN.has(error.code))) throw error;
    }
  }
}

type Responses = readonly [certificate: MetadataResponse, key: MetadataResponse, intermediate: MetadataResponse];

function decodeLeafCertificate(responses: Responses, wallMs: number): LeafCertificate {
  const [certificateResponse, keyResponse, intermediateResponse] = responses;
  const { host, serverDateMs } = certificateResponse;
  const [certificate] = decodeCertificates(certificateResponse);
  const intermediates = decodeCertificates(intermediateResponse);
  const privateKey = decodePrivateKey(keyResponse);
  if (!certificate.checkPrivateKey(privateKey)) throw new IdentityError("certificate-mismatch", host);
  // A certificate starts 60 s before its issue, so on a clock that is slow, but not too slow for Oracle, it starts later.
  const startsAtMs = certificate.validFromDate.getTime() - LARGEST_SKEW_MS;
  if (wallMs < startsAtMs || wallMs >= certificate.validToDate.getTime()) {
    throw new IdentityError(isSkewed(serverDateMs, wallMs) ? "clock-skew" : "certificate-expired", host);
  }
  const tenancyId = tenancyOf(certificate.subject);
  if (tenancyId === undefined) throw new IdentityError("certificate-invalid", host);
  return { certificate, privateKey, intermediates, tenancyId };
}

function decodeCertificates({ text, host }: MetadataResponse): [X509Certificate, ...X509Certificate[]] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const certificates = resultIfAny(() => blocks.map((pem) => new X509Certificate(pem)));
  if (certificates === undefined) throw new IdentityError("certificate-invalid", host);
  const [first, ...rest] = certificates;
  if (first === undefined) throw new IdentityError("metadata-invalid", host);
  return [first, ...rest];
}

/** Accepts `RSA PRIVATE KEY` (PKCS#1) and `PRIVATE KEY` (PKCS#8), which both occur, without a passphrase. */
function decodePrivateKey({ text, host }: MetadataResponse): KeyObject {
  if (!/-----BEGIN (?:RSA )?PRIVATE KEY-----/.test(text)) throw new IdentityError("metadata-invalid", host);
  // Without OpenSSL's error, which may quote the key.
  const key = resultIfAny(() => createPrivateKey(text));
  if (key?.asymmetricKeyType !== "rsa") throw new IdentityError("certificate-invalid", host);
  return key;
}

/** Finds the tenancy as the SDKs do: the subject's value with the prefix `opc-tenant:`, otherwise `opc-identity:`. */
function tenancyOf(subject: string): string | undefined {
  const [, tenancyId] = /=opc-tenant:([\w.:-]+)/.exec(subject) ?? /=opc-identity:([\w.:-]+)/.exec(subject) ?? [];
  return tenancyId;
}
