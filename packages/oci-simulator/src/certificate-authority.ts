/**
 * A certificate authority on P-256: one for HTTPS, one for the keys of registry tokens. Clients must trust its certificate, and
 * never disable verification. The node's identity has another authority, like Oracle's.
 */
import "reflect-metadata";
import { randomBytes, webcrypto } from "node:crypto";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import * as x509 from "@peculiar/x509";

export interface CertificateAuthority {
  /** PEM. */
  readonly certificate: string;
  /** A leaf certificate for digital signatures, with these `extensions`. */
  issue(
    commonName: string,
    publicKey: webcrypto.CryptoKey,
    extensions: readonly x509.Extension[],
  ): Promise<x509.X509Certificate>;
}

const ECDSA_P256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const LIFE_MS = 365 * 86_400_000;
const BACKDATED_MS = 300_000;

export function newP256Keys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ECDSA_P256, true, ["sign", "verify"]);
}

export async function createCertificateAuthority(commonName: string, clock: Clock): Promise<CertificateAuthority> {
  const keys = await newP256Keys();
  const name = `CN=${commonName}`;
  const common = () => ({
    serialNumber: randomBytes(15).toString("hex"),
    issuer: name,
    notBefore: new Date(clock.wallMs() - BACKDATED_MS),
    notAfter: new Date(clock.wallMs() + LIFE_MS),
    signingKey: keys.privateKey,
    signingAlgorithm: ECDSA_P256,
  });
  const own = await x509.X509CertificateGenerator.create({
    ...common(),
    subject: name,
    publicKey: keys.publicKey,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    certificate: `${own.toString("pem")}\n`,
    issue: async (subject, publicKey, extensions) =>
      x509.X509CertificateGenerator.create({
        ...common(),
        subject: `CN=${subject}`,
        publicKey,
        extensions: [
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
          ...extensions,
        ],
      }),
  };
}
