import { describe, expect, test } from "vitest";
import { bearerAuth } from "./auth.ts";
import { API_VERSIONS, MAX_RESPONSE_BYTES } from "./contract.ts";
import { encodeCredentialProviderResponse } from "./response.ts";

const [v1] = API_VERSIONS;

describe("encodeCredentialProviderResponse", () => {
  test.each(API_VERSIONS)("writes the kubelet's five fields for %s and nothing else", (apiVersion) => {
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
  });

  test("leaves out other fields of credentials, because the kubelet would refuse the whole response", () => {
    const credentials = { username: "u", password: "p", expiresAtMs: 1 };
    const { auth } = JSON.parse(encodeCredentialProviderResponse(v1, { "a.b": credentials }).toString());
    expect(auth).toStrictEqual({ "a.b": { username: "u", password: "p" } });
  });

  test("accepts a response of the largest size and refuses one byte more", () => {
    const frame = encodeCredentialProviderResponse(v1, bearerAuth("iad.ocir.io", "")).length;
    // Characters of two bytes, because bytes count.
    const largest = `x${"é".repeat((MAX_RESPONSE_BYTES - frame - 1) / 2)}`;
    expect(encodeCredentialProviderResponse(v1, bearerAuth("iad.ocir.io", largest))).toHaveLength(MAX_RESPONSE_BYTES);
    expect(() => encodeCredentialProviderResponse(v1, bearerAuth("iad.ocir.io", `${largest}x`))).toThrow(
      expect.objectContaining({ name: "ProtocolError", code: "response-too-large", retryable: false }),
    );
  });
});
