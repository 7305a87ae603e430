/** The extension of an instance's certificate that contains its OCIDs and, compressed, its tags, of which this one has none. */
import { gzipSync } from "node:zlib";
import * as x509 from "@peculiar/x509";
import { INSTANCE } from "./instance.ts";

/** With the prefixes that real certificates have before the compressed text and the JSON; their meaning is not known. */
const NONE = { IsNullFreeformTags: true, IsNullDefinedTags: false, definedTags: {}, IsNullSystemTags: true };
const TAGS = gzipSync(`\u0002${JSON.stringify({ Version: 1, ...NONE })}`);
const COMPRESSED = Buffer.concat([Buffer.from([1, 1, 2, 1]), TAGS]).toString("base64");
const PARTS = ["instance", INSTANCE.instanceId, INSTANCE.compartmentId, INSTANCE.tenancyId, COMPRESSED];
const FIELDS = Buffer.concat(PARTS.map((text, index) => der(0x81 + index, Buffer.from(text))));

export const TAG_EXTENSION = new x509.Extension("1.3.6.1.4.1.111.98.10.1", false, der(0x30, FIELDS));

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
