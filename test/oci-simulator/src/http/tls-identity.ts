/** HTTPS for the auth service and the registry: a certificate for any name that a client requests. */
import "reflect-metadata";
import { KeyObject } from "node:crypto";
import type { ServerOptions } from "node:https";
import { isIP } from "node:net";
import { createSecureContext, type SecureContext } from "node:tls";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import * as x509 from "@peculiar/x509";
import { createCertificateAuthority, newP256Keys } from "../certificate-authority.ts";

export type TlsIdentity = Awaited<ReturnType<typeof createTlsIdentity>>;

/** @param hosts addresses and names for clients that send none (no SNI is sent for IP addresses). */
export async function createTlsIdentity(hosts: readonly string[], clock: Clock) {
  const [authority, serverKeys] = await Promise.all([
    createCertificateAuthority("ocir-broker OCI simulator CA", clock),
    newP256Keys(),
  ]);
  const key = String(KeyObject.from(serverKeys.privateKey).export({ type: "pkcs8", format: "pem" }));
  const contexts = new Map<string, Promise<SecureContext>>();

  async function issue(names: readonly string[]): Promise<string> {
    const certificate = await authority.issue("OCI simulator", serverKeys.publicKey, [
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? ("dns" as const) : ("ip" as const), value })),
      ),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    ]);
    return certificate.toString("pem");
  }

  function contextFor(name: string): Promise<SecureContext> {
    const context = contexts.get(name) ?? issue([name]).then((cert) => createSecureContext({ cert, key }));
    contexts.set(name, context);
    return context;
  }

  return {
    /** PEM. */
    caCertificate: authority.certificate,
    serverOptions: {
      cert: await issue(hosts),
      key,
      SNICallback: (name, done) => void contextFor(name).then((context) => done(null, context), done),
    } satisfies ServerOptions,
  };
}
