/**
 * The extension of an instance's certificate that contains its OCIDs and, compressed, its tags.
 *
 * Its form is that of the certificates in the tests of micronaut-projects/micronaut-oracle-cloud (OracleCloudV2MetadataCertSpec) and
 * sgl-project/ome (pkg/imds/imds_client_test.go). That Oracle's auth service reads it is inferred: nothing else there has the tags.
 */
import "reflect-metadata";
import type { X509Certificate } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import * as x509 from "@peculiar/x509";
import { INSTANCE } from "./instance.ts";

const OID = "1.3.6.1.4.1.111.98.10.1";

/** Before the compressed text, and before the JSON in it. Their meaning is not known. */
const PREFIX = Buffer.from([1, 1, 2, 1]);
const TEXT_PREFIX = "\u0002";
/** Begins with the prefix and gzip's magic number. No OCID has such a text. */
const COMPRESSED = /AQECAR\+LC[\w+/=]+/;

/** The defined tag `oke.pool`, which is the only one here. */
const TAG = "2%3%3%oke3%1%4%0%1pool";
const VALUE = /^4%1%4%\d+%1%1true(.*)0$/;

/** @param pool value of the tag `oke.pool`; empty for an instance without it. */
export function tagExtension(pool: string): x509.Extension {
  const tags = {
    Version: 1,
    IsNullFreeformTags: true,
    IsNullDefinedTags: false,
    definedTags: pool === "" ? {} : { [TAG]: `4%1%4%${pool.length}%1%1true${pool}0` },
    IsNullSystemTags: true,
  };
  const compressed = Buffer.concat([PREFIX, gzipSync(`${TEXT_PREFIX}${JSON.stringify(tags)}`)]).toString("base64");
  const parts = ["instance", INSTANCE.instanceId, INSTANCE.compartmentId, INSTANCE.tenancyId, compressed];
  const fields = parts.map((text, index) => der(0x81 + index, Buffer.from(text)));
  return new x509.Extension(OID, false, der(0x30, Buffer.concat(fields)));
}

/** The value of the tag `oke.pool`; empty without one. */
export function poolTagOf(certificate: X509Certificate): string {
  const extension = new x509.X509Certificate(certificate.raw).getExtension(OID);
  if (extension === null) return "";
  const compressed = COMPRESSED.exec(Buffer.from(extension.value).toString("latin1"))?.[0] ?? "";
  const text = gunzipSync(Buffer.from(compressed, "base64").subarray(PREFIX.length)).toString();
  return VALUE.exec(JSON.parse(text.slice(TEXT_PREFIX.length)).definedTags[TAG] ?? "")?.[1] ?? "";
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
