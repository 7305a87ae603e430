import { describe, expect, test } from "vitest";
import { API_VERSIONS } from "./contract.ts";
import { bearerAuth, encodeCredentialProviderResponse } from "./response.ts";

test.each(API_VERSIONS)(
  "encodeCredentialProviderResponse writes the kubelet's five fields for %s and nothing else",
  (apiVersion) => {
    const body = encodeCredentialProviderResponse(apiVersion, bearerAuth("iad.ocir.io", "the-token"));
    expect(JSON.parse(body.toString())).toStrictEqual({
      kind: "CredentialProviderResponse",
      apiVersion,
      cacheKeyType: "Registry",
      cacheDuration: "0s",
      auth: {
        "iad.ocir.io": { username: "BEARER_TOKEN", password: "the-token" },
        "*.ocir.io": { username: "", password: "" },
      },
    });
  },
);

describe("bearerAuth", () => {
  test.each([
    ["iad.ocir.io", "*.ocir.io"],
    ["ocir.eu-frankfurt-1.oci.oraclecloud.com", "*.eu-frankfurt-1.oci.oraclecloud.com"],
    ["registry.example.com:5000", "*.example.com:5000"],
    ["127.0.0.1:18080", "*.0.0.1:18080"],
    ["localhost:5000", "*:5000"],
    ["localhost", "*"],
    ["IAD.ocir.io", "*.ocir.io"],
  ])("returns the token for %s and empty credentials for %s", (host, wildcard) => {
    expect(bearerAuth(host, "the-token")).toStrictEqual({
      [host]: { username: "BEARER_TOKEN", password: "the-token" },
      [wildcard]: { username: "", password: "" },
    });
  });
});
