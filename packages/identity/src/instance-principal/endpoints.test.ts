import { expect, test } from "vitest";
import { authUrlOf, metadataBaseUrlsOf } from "./endpoints.ts";

const SETTINGS = { metadata: {}, auth: {} };
const REGION = { id: "us-ashburn-1", key: "iad", realmKey: "oc1", realmDomain: "oraclecloud.com" };

test("metadataBaseUrlsOf returns the IPv4, then the IPv6 address if the settings have none", () => {
  expect(metadataBaseUrlsOf(SETTINGS).map(String)).toEqual([
    "http://169.254.169.254/opc/v2",
    "http://[fd00:c1::a9fe:a9fe]/opc/v2",
  ]);
});

test("authUrlOf looks up the region only if the settings name no endpoint", async () => {
  let asked = 0;
  const region = async () => {
    asked += 1;
    return REGION;
  };
  const endpoint = "https://auth.example/";
  expect((await authUrlOf({ ...SETTINGS, auth: { endpoint } }, region)).href).toBe(endpoint);
  expect(asked).toBe(0);
  expect((await authUrlOf(SETTINGS, region)).href).toBe("https://auth.us-ashburn-1.oraclecloud.com/");
});
