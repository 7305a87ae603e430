/** Creates certificates like those of an OCI instance: an authority, an intermediate, and leaves with Oracle's attributes in the subject. */
import "reflect-metadata";
import { KeyObject, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

export interface InstanceIdentity {
  readonly certificatePem: string;
  /** PKCS#8. */
  readonly keyPem: string;
  /** PKCS#1, as some instances have it. */
  readonly keyPkcs1Pem: string;
  readonly intermediatePem: string;
}

interface LeafOptions {
  readonly tenancyId: string;
  /** `opc-tenant` unless given; older certificates have `opc-identity`. */
  readonly tenancyAttribute?: string;
  /** Whether the subject's OUs are in one multi-valued RDN. */
  readonly isMultiValued?: boolean;
  /** Epoch milliseconds. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

const RSA = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 2_048, publicExponent: Buffer.of(1, 0, 1) };
const INSTANCE_ID = "ocid1.instance.oc1.iad.test";
const YEARS_MS = 20 * 365 * 86_400_000;

export async function createIdentityAuthority() {
  const [rootKeys, keys] = await Promise.all([newKeys(), newKeys()]);
  const intermediate = await x509.X509CertificateGenerator.create({
    ...{ subject: [{ CN: ["PKISVC Identity Intermediate"] }], issuer: [{ CN: ["PKISVC Identity Root"] }] },
    ...{ publicKey: keys.publicKey, signingKey: rootKeys.privateKey, signingAlgorithm: RSA },
    ...{ notBefore: new Date(Date.now() - YEARS_MS), notAfter: new Date(Date.now() + YEARS_MS) },
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  return {
    async issue(options: LeafOptions): Promise<InstanceIdentity> {
      const { tenancyId, tenancyAttribute = "opc-tenant", isMultiValued, notBeforeMs, notAfterMs } = options;
      const { publicKey, privateKey } = await newKeys();
      const attributes = ["opc-certtype:instance", `opc-instance:${INSTANCE_ID}`, `${tenancyAttribute}:${tenancyId}`];
      const units = isMultiValued ? [{ OU: attributes }] : attributes.map((attribute) => ({ OU: [attribute] }));
      const leaf = await x509.X509CertificateGenerator.create({
        subject: [{ CN: [INSTANCE_ID] }, ...units],
        ...{ issuer: intermediate.subject, publicKey, signingKey: keys.privateKey, signingAlgorithm: RSA },
        ...{ notBefore: new Date(notBeforeMs), notAfter: new Date(notAfterMs) },
      });
      const key = (type: "pkcs1" | "pkcs8") => String(KeyObject.from(privateKey).export({ type, format: "pem" }));
      return {
        certificatePem: `${leaf.toString("pem")}\n`,
        keyPem: key("pkcs8"),
        keyPkcs1Pem: key("pkcs1"),
        intermediatePem: `${intermediate.toString("pem")}\n`,
      };
    },
  };
}

const newKeys = (): Promise<webcrypto.CryptoKeyPair> => webcrypto.subtle.generateKey(RSA, true, ["sign", "verify"]);
