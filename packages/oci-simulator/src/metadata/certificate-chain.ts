/**
 * The identity certificates of the simulated node: root → intermediate → leaf, with Oracle's attributes in the leaf's subject.
 * Rotates the leaf on demand, and automatically at half of its life.
 */
import "reflect-metadata";
import * as crypto from "node:crypto";
import { KeyObject, webcrypto, type X509Certificate } from "node:crypto";
import type { Clock, Timer } from "@ocir-broker/foundation/time/clock";
import * as x509 from "@peculiar/x509";
import { INSTANCE } from "./instance.ts";

const RSA_2048 = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  modulusLength: 2_048,
  publicExponent: new Uint8Array([1, 0, 1]),
} as const;

const YEAR_MS = 365 * 86_400_000;

/** Certificates start a little in the past, as a real authority's, because clocks differ. */
const BACKDATED_MS = 300_000;

interface IdentityDocuments {
  readonly certificatePem: string;
  /** PKCS#1, as in the metadata service. */
  readonly keyPem: string;
  readonly intermediatePem: string;
}

export interface CertificateChain {
  /** The metadata service's current chain. */
  current(): IdentityDocuments;
  /** True if the leaf was issued by an intermediate of the list, and that by our root, and all of them are valid now. */
  isTrusted(leaf: X509Certificate, intermediates: readonly X509Certificate[]): boolean;
  /** Valid documents that do not match the current ones. */
  mismatched(): Promise<IdentityDocuments>;
  /** Creates a new leaf with a new key; the old one stays valid until it expires. */
  rotate(): Promise<void>;
  close(): void;
}

interface Issuer {
  readonly certificate: x509.X509Certificate;
  readonly keys: CryptoKeyPair;
}

type CryptoKeyPair = webcrypto.CryptoKeyPair;

/** @param leafLifeMs life of each leaf certificate, in milliseconds. */
export async function createCertificateChain(clock: Clock, leafLifeMs: number): Promise<CertificateChain> {
  const [rootKeys, intermediateKeys, firstLeafKeys] = await Promise.all([newKeys(), newKeys(), newKeys()]);
  const rootName = [{ O: ["Oracle Corporation"] }, { CN: ["PKISVC Identity Root"] }];
  const root = await issue(rootName, rootKeys, undefined, 10 * YEAR_MS);
  const intermediateName = [{ O: ["Oracle Corporation"] }, { CN: ["PKISVC Identity Intermediate us-ashburn-1"] }];
  const intermediate = await issue(intermediateName, intermediateKeys, { certificate: root, keys: rootKeys }, YEAR_MS);
  const nodeRoot = new crypto.X509Certificate(root.toString("pem"));
  let documents = await issueLeaf(firstLeafKeys);
  let strangers: Promise<IdentityDocuments> | undefined;
  let timer = armRotation();
  let closed = false;

  async function issue(
    name: x509.JsonName,
    keys: CryptoKeyPair,
    issuer: Issuer | undefined,
    lifeMs: number,
    isLeaf = false,
  ) {
    const nowMs = clock.wallMs();
    return x509.X509CertificateGenerator.create({
      serialNumber: crypto.randomBytes(15).toString("hex"),
      subject: name,
      issuer: issuer?.certificate.subject ?? name,
      notBefore: new Date(nowMs - BACKDATED_MS),
      notAfter: new Date(nowMs + lifeMs),
      publicKey: keys.publicKey,
      signingKey: (issuer?.keys ?? keys).privateKey,
      signingAlgorithm: RSA_2048,
      extensions: isLeaf
        ? [new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true)]
        : [
            new x509.BasicConstraintsExtension(true, undefined, true),
            new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
          ],
    });
  }

  async function issueLeaf(keys: CryptoKeyPair): Promise<IdentityDocuments> {
    const name = [
      { CN: [INSTANCE.instanceId] },
      { OU: ["opc-certtype:instance"] },
      { OU: [`opc-compartment:${INSTANCE.compartmentId}`] },
      { OU: [`opc-instance:${INSTANCE.instanceId}`] },
      { OU: [`opc-tenant:${INSTANCE.tenancyId}`] },
    ];
    const leaf = await issue(name, keys, { certificate: intermediate, keys: intermediateKeys }, leafLifeMs, true);
    return {
      certificatePem: `${leaf.toString("pem")}\n`,
      keyPem: String(KeyObject.from(keys.privateKey).export({ type: "pkcs1", format: "pem" })),
      intermediatePem: `${intermediate.toString("pem")}\n`,
    };
  }

  async function rotate(): Promise<void> {
    documents = await issueLeaf(await newKeys());
    timer.cancel();
    if (!closed) timer = armRotation();
  }

  async function issueStrangers(): Promise<IdentityDocuments> {
    const [leafKeys, otherKeys] = await Promise.all([newKeys(), newKeys()]);
    const otherName = [{ O: ["Oracle Corporation"] }, { CN: ["PKISVC Identity Intermediate elsewhere"] }];
    const other = await issue(otherName, otherKeys, { certificate: root, keys: rootKeys }, YEAR_MS);
    return { ...(await issueLeaf(leafKeys)), intermediatePem: `${other.toString("pem")}\n` };
  }

  function armRotation(): Timer {
    return clock.setTimer(() => void rotate(), leafLifeMs / 2);
  }

  function isCurrent(certificate: X509Certificate): boolean {
    const nowMs = clock.wallMs();
    return Date.parse(certificate.validFrom) <= nowMs && nowMs < Date.parse(certificate.validTo);
  }

  return {
    current: () => documents,
    isTrusted: (leaf, intermediates) =>
      isCurrent(leaf) &&
      intermediates.some(
        (middle) => middle.ca && isCurrent(middle) && isIssuedBy(leaf, middle) && isIssuedBy(middle, nodeRoot),
      ),
    mismatched() {
      strangers ??= issueStrangers();
      return strangers;
    },
    rotate,
    close() {
      closed = true;
      timer.cancel();
    },
  };
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

async function newKeys(): Promise<CryptoKeyPair> {
  return webcrypto.subtle.generateKey(RSA_2048, true, ["sign", "verify"]);
}
