import { expect, test } from "vitest";
import { metadataBaseUrlsOf } from "./endpoints.ts";

test("metadataBaseUrlsOf returns the IPv4, then the IPv6 address if the settings have none", () => {
  expect(metadataBaseUrlsOf({ metadata: {} }).map(String)).toEqual([
    "http://169.254.169.254/opc/v2",
    "http://[fd00:c1::a9fe:a9fe]/opc/v2",
  ]);
});
