import { expect, test } from "vitest";
import { lookAlikeOf } from "./look-alike.ts";

test.each([
  ["us-ashburn-1.ocir.oi", "us-ashburn-1.ocir.io"],
  ["iad.oicr.io", "iad.ocir.io"],
  ["iad.ocr.io", "iad.ocir.io"],
  ["iad.ocir.com", "iad.ocir.io"],
  ["ocir.io", "<region>.ocir.io"],
  ["ocir.us-ashburn-1.oraclecloud.com", "ocir.us-ashburn-1.oci.oraclecloud.com"],
  ["docker.io", undefined],
  ["ghcr.io", undefined],
  ["eu.gcr.io", undefined],
  ["127.0.0.1:5000", undefined],
  ["registry.example.com", undefined],
])("lookAlikeOf finds for %s: %s", (host, expected) => {
  expect(lookAlikeOf(host)).toBe(expected);
});
