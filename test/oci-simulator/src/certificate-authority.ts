/**
 * A certificate authority on P-256: one for HTTPS, one for the keys of registry tokens. Clients must trust its certificate, and
 * never disable verification. The node's identity has another authority, like Oracle's.
 */
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import * as x509 from "@peculiar/x509";

type Wanted = Omit<x509.X509CertificateCreateWithKeyParams, "notBefore" | "notAfter">;

const ECDSA_P256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const LIFE_MS = 365 * 86_400_000;
/** As Oracle's. */
const BACKDATED_MS = 60_000;

/** With a random serial number. Valid for `lifeMs` from now, and for the minute before. */
export function issueCertificate(clock: Clock, lifeMs: number, wanted: Wanted): Promise<x509.X509Certificate> {
  const nowMs = clock.wallMs();
  const validity = { notBefore: new Date(nowMs - BACKDATED_MS), notAfter: new Date(nowMs + lifeMs) };
  return x509.X509CertificateGenerator.create({ ...wanted, ...validity });
}

export function newP256Keys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ECDSA_P256, true, ["sign", "verify"]);
}

export async function createCertificateAuthority(commonName: string, clock: Clock) {
  const keys = await newP256Keys();
  const signer = { issuer: `CN=${commonName}`, signingKey: keys.privateKey, signingAlgorithm: ECDSA_P256 };
  const own = await issueCertificate(clock, LIFE_MS, {
    ...{ ...signer, subject: signer.issuer, publicKey: keys.publicKey },
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    /** PEM. */
    certificate: `${own.toString("pem")}\n`,
    /** A leaf certificate for digital signatures, with these `extensions`. */
    issue: async (subject: string, publicKey: webcrypto.CryptoKey, extensions: readonly x509.Extension[]) =>
      issueCertificate(clock, LIFE_MS, {
        ...{ ...signer, subject: `CN=${subject}`, publicKey },
        extensions: [
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
          ...extensions,
        ],
      }),
  };
}
