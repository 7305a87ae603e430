/**
 * Creates certificates like those of an OCI instance in memory: an authority, an intermediate, and leaves with Oracle's attributes
 * in the subject. Has its own DER encoder, so that no test needs openssl.
 */
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

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
  /** Epoch milliseconds. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

interface IdentityAuthority {
  issue(options: LeafOptions): InstanceIdentity;
}

type Subject = readonly (readonly [attribute: "CN" | "OU", value: string])[];

const SHA256_WITH_RSA = Buffer.from("300d06092a864886f70d01010b0500", "hex");
const ATTRIBUTES = { CN: "0603550403", OU: "060355040b" };
const IS_AUTHORITY = Buffer.from("a3133011300f0603551d130101ff040530030101ff", "hex");
const YEARS_MS = 20 * 365 * 86_400_000;

export function createIdentityAuthority(): IdentityAuthority {
  const root = { keys: newKeys(), subject: [["CN", "PKISVC Identity Root"]] as Subject };
  const intermediate = { keys: newKeys(), subject: [["CN", "PKISVC Identity Intermediate"]] as Subject };
  const intermediatePem = certificateOf({
    issuer: root,
    subject: intermediate.subject,
    publicKey: intermediate.keys.publicKey,
    notBeforeMs: Date.now() - YEARS_MS,
    notAfterMs: Date.now() + YEARS_MS,
    isAuthority: true,
  });

  return {
    issue({ tenancyId, tenancyAttribute = "opc-tenant", notBeforeMs, notAfterMs }) {
      const { publicKey, privateKey } = newKeys();
      const instanceId = "ocid1.instance.oc1.iad.test";
      const subject: Subject = [
        ["CN", instanceId],
        ["OU", "opc-certtype:instance"],
        ["OU", `opc-instance:${instanceId}`],
        ["OU", "opc-compartment:ocid1.compartment.oc1..test"],
        ["OU", `${tenancyAttribute}:${tenancyId}`],
      ];
      return {
        certificatePem: certificateOf({ issuer: intermediate, subject, publicKey, notBeforeMs, notAfterMs }),
        keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
        keyPkcs1Pem: privateKey.export({ type: "pkcs1", format: "pem" }).toString(),
        intermediatePem,
      };
    },
  };
}

function newKeys(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync("rsa", { modulusLength: 2_048 });
}

interface CertificateOptions {
  readonly issuer: { readonly keys: { readonly privateKey: KeyObject }; readonly subject: Subject };
  readonly subject: Subject;
  readonly publicKey: KeyObject;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly isAuthority?: boolean;
}

/** RFC 5280, version 3. */
function certificateOf(options: CertificateOptions): string {
  const body = sequence(
    Buffer.from("a003020102", "hex"),
    der(0x02, Buffer.from([1])),
    SHA256_WITH_RSA,
    nameOf(options.issuer.subject),
    sequence(timeOf(options.notBeforeMs), timeOf(options.notAfterMs)),
    nameOf(options.subject),
    options.publicKey.export({ type: "spki", format: "der" }),
    ...(options.isAuthority ? [IS_AUTHORITY] : []),
  );
  const signature = Buffer.concat([Buffer.from([0]), sign("sha256", body, options.issuer.keys.privateKey)]);
  const base64 = sequence(body, SHA256_WITH_RSA, der(0x03, signature)).toString("base64");
  return `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{1,64}/g, "$&\n")}-----END CERTIFICATE-----\n`;
}

function nameOf(subject: Subject): Buffer {
  return sequence(
    ...subject.map(([attribute, value]) =>
      der(0x31, sequence(Buffer.from(ATTRIBUTES[attribute], "hex"), der(0x0c, Buffer.from(value)))),
    ),
  );
}

/** GeneralizedTime, to the second. */
function timeOf(epochMs: number): Buffer {
  return der(0x18, Buffer.from(`${new Date(epochMs).toISOString().replace(/\D/g, "").slice(0, 14)}Z`));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
