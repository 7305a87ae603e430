/**
 * HTTPS for the auth service and the registry: an authority of the simulator's own, and a certificate for
 * whatever name a client asks for. Clients trust it through its CA certificate, never by looking away.
 */
import "reflect-metadata";
import { KeyObject, randomBytes, webcrypto } from "node:crypto";
import type { ServerOptions } from "node:https";
import { isIP } from "node:net";
import { createSecureContext, type SecureContext } from "node:tls";
import type { Clock } from "@ocir-broker/foundation";
import * as x509 from "@peculiar/x509";

export interface TlsIdentity {
  /** PEM. */
  readonly caCertificate: string;
  readonly serverOptions: ServerOptions;
}

const ECDSA_P256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const LIFE_MS = 365 * 86_400_000;
const BACKDATED_MS = 300_000;

/** Names are the client's choice, so there must be an end to what is kept. */
const MAX_NAMES = 1_000;

/** @param hosts addresses and names for clients that send none (no SNI is sent for IP addresses). */
export async function createTlsIdentity(hosts: readonly string[], clock: Clock): Promise<TlsIdentity> {
  const newKeys = () => webcrypto.subtle.generateKey(ECDSA_P256, true, ["sign", "verify"]);
  const [caKeys, serverKeys] = await Promise.all([newKeys(), newKeys()]);
  const caName = "CN=ocir-broker OCI simulator CA";
  const validity = () => ({
    serialNumber: randomBytes(15).toString("hex"),
    notBefore: new Date(clock.wallMs() - BACKDATED_MS),
    notAfter: new Date(clock.wallMs() + LIFE_MS),
    signingKey: caKeys.privateKey,
    signingAlgorithm: ECDSA_P256,
  });
  const ca = await x509.X509CertificateGenerator.create({
    ...validity(),
    subject: caName,
    issuer: caName,
    publicKey: caKeys.publicKey,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(caKeys.publicKey),
    ],
  });
  const key = String(KeyObject.from(serverKeys.privateKey).export({ type: "pkcs8", format: "pem" }));
  const contexts = new Map<string, Promise<SecureContext>>();

  async function issue(names: readonly string[]): Promise<string> {
    const certificate = await x509.X509CertificateGenerator.create({
      ...validity(),
      subject: [{ CN: ["OCI simulator"] }],
      issuer: caName,
      publicKey: serverKeys.publicKey,
      extensions: [
        new x509.SubjectAlternativeNameExtension(
          names.map((value) => ({ type: isIP(value) === 0 ? ("dns" as const) : ("ip" as const), value })),
        ),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        await x509.AuthorityKeyIdentifierExtension.create(caKeys.publicKey),
      ],
    });
    return certificate.toString("pem");
  }

  function contextFor(name: string): Promise<SecureContext> {
    const known = contexts.get(name);
    if (known !== undefined) return known;
    if (contexts.size >= MAX_NAMES) contexts.clear();
    const made = issue([name]).then((cert) => createSecureContext({ cert, key }));
    contexts.set(name, made);
    return made;
  }

  return {
    caCertificate: `${ca.toString("pem")}\n`,
    serverOptions: {
      cert: await issue(hosts),
      key,
      SNICallback: (name, done) => void contextFor(name).then((context) => done(null, context), done),
    },
  };
}
