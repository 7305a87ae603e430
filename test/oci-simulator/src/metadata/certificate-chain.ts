/**
 * The identity certificates of the simulated node: root → intermediate → leaf, in the form of Oracle's.
 *
 * The form is that of the certificates in the tests of micronaut-projects/micronaut-oracle-cloud (OracleCloudV2MetadataCertSpec,
 * of January 2025) and sgl-project/ome (pkg/imds/imds_client_test.go, of November 2020).
 */
import "reflect-metadata";
import * as crypto from "node:crypto";
import { KeyObject, webcrypto, type X509Certificate } from "node:crypto";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import * as x509 from "@peculiar/x509";
import { issueCertificate } from "../certificate-authority.ts";
import { INSTANCE } from "./instance.ts";
import { publishedRsaKeys } from "./published-rsa-keys.ts";

type CryptoKeyPair = webcrypto.CryptoKeyPair;

const RSA_2048 = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  modulusLength: 2_048,
  publicExponent: new Uint8Array([1, 0, 1]),
} as const;

const MINUTE_MS = 60_000;
const LEAF_LIFE_MS = 120 * MINUTE_MS;
const YEAR_MS = 365 * 86_400_000;

/** A leaf has been seen 80 minutes after its issue. When Oracle replaces it after that is not known. */
const SERVED_MS = 100 * MINUTE_MS;

const ROOT_NAME = [{ CN: ["OCI Instance Identity Root - r2 - 1682025018"] }];

const AUTHORITY_USAGES =
  x509.KeyUsageFlags.digitalSignature |
  x509.KeyUsageFlags.keyEncipherment |
  x509.KeyUsageFlags.dataEncipherment |
  x509.KeyUsageFlags.keyAgreement |
  x509.KeyUsageFlags.keyCertSign;

interface Authority {
  readonly certificate: x509.X509Certificate;
  readonly keys: CryptoKeyPair;
}

/**
 * @param isMultiValued whether the OUs of a leaf's subject are in one multi-valued RDN, as in oracle/oci-go-sdk
 * (common/auth/federation_client_test.go), and not in one RDN each. Oracle's SDK for TypeScript cannot read the former.
 */
export async function createCertificateChain(clock: Clock, isMultiValued: boolean) {
  const root = await issueAuthority(ROOT_NAME, await newKeys(), 10 * YEAR_MS);
  const intermediate = await newIntermediate("PKISVC Identity Intermediate us-ashburn-1", publishedRsaKeys());
  const nodeRoot = new crypto.X509Certificate(root.certificate.toString("pem"));
  let leaf = issueLeaf();
  let strangers: ReturnType<typeof documentsOf> | undefined;

  /** @param issuer default: itself */
  async function issueAuthority(
    subject: x509.JsonName,
    keys: CryptoKeyPair,
    lifeMs: number,
    issuer?: Authority,
  ): Promise<Authority> {
    const signer = issuer?.keys ?? keys;
    const certificate = await issueCertificate(clock, lifeMs, {
      ...{ subject, issuer: issuer?.certificate.subject ?? subject, publicKey: keys.publicKey },
      ...{ signingKey: signer.privateKey, signingAlgorithm: RSA_2048 },
      extensions: [
        new x509.BasicConstraintsExtension(true, issuer && 0, true),
        new x509.KeyUsagesExtension(AUTHORITY_USAGES, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(signer.publicKey),
      ],
    });
    return { certificate, keys };
  }

  function newIntermediate(commonName: string, keys: CryptoKeyPair): Promise<Authority> {
    const device = crypto.randomBytes(32).toString("hex").match(/../g)?.join(":");
    return issueAuthority([{ OU: [`opc-device:${device}`] }, { CN: [commonName] }], keys, YEAR_MS, root);
  }

  async function documentsOf(issuer: Authority) {
    const { publicKey, privateKey } = await newKeys();
    const { instanceId, compartmentId, tenancyId } = INSTANCE;
    const units = { certtype: "instance", compartment: compartmentId, instance: instanceId, tenant: tenancyId };
    const OU = Object.entries(units).map(([name, value]) => `opc-${name}:${value}`);
    // DER orders a set by the encoded values, which begin with their lengths.
    const subject = isMultiValued
      ? [{ OU: OU.toSorted((one, other) => one.length - other.length) }, { CN: [instanceId] }]
      : [{ CN: [instanceId] }, ...OU.map((each) => ({ OU: [each] }))];
    const certificate = await issueCertificate(clock, LEAF_LIFE_MS, {
      ...{ subject, issuer: issuer.certificate.subject, publicKey },
      ...{ signingKey: issuer.keys.privateKey, signingAlgorithm: RSA_2048 },
      extensions: [
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
        await x509.AuthorityKeyIdentifierExtension.create(issuer.keys.publicKey),
      ],
    });
    return {
      certificatePem: `${certificate.toString("pem")}\n`,
      /** PKCS#1, as in the metadata service. */
      keyPem: String(KeyObject.from(privateKey).export({ type: "pkcs1", format: "pem" })),
      intermediatePem: `${issuer.certificate.toString("pem")}\n`,
    };
  }

  function issueLeaf() {
    return { documents: documentsOf(intermediate), issuedAtMs: clock.monotonicMs() };
  }

  function isCurrent(certificate: X509Certificate): boolean {
    const nowMs = clock.wallMs();
    return Date.parse(certificate.validFrom) <= nowMs && nowMs < Date.parse(certificate.validTo);
  }

  await leaf.documents;
  return {
    /** The metadata service's current chain. The leaf is replaced 100 minutes after its issue. */
    current() {
      if (clock.monotonicMs() >= leaf.issuedAtMs + SERVED_MS) leaf = issueLeaf();
      return leaf.documents;
    },
    /** True if the leaf was issued by an intermediate of the list, and that by our root, and all of them are valid now. */
    isTrusted: (certificate: X509Certificate, intermediates: readonly X509Certificate[]) =>
      isCurrent(certificate) &&
      intermediates.some(
        (middle) => middle.ca && isCurrent(middle) && isIssuedBy(certificate, middle) && isIssuedBy(middle, nodeRoot),
      ),
    /** Valid documents that do not match the current ones. */
    mismatched() {
      strangers ??= newKeys()
        .then((keys) => newIntermediate("PKISVC Identity Intermediate elsewhere", keys))
        .then(documentsOf);
      return strangers;
    },
    /** Replaces the leaf now, with a new key; the old one stays valid until it expires. */
    rotate(): void {
      leaf = issueLeaf();
    },
  };
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

async function newKeys(): Promise<CryptoKeyPair> {
  return webcrypto.subtle.generateKey(RSA_2048, true, ["sign", "verify"]);
}
