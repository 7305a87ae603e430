import { describe, expect, test } from "vitest";
import { bearerAuth } from "./auth.ts";

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

  test.each([
    ["IPv6, which the kubelet's matching cannot express", "[::1]:5000"],
    ["a wildcard", "*.ocir.io"],
    ["a character class", "[ab].ocir.io"],
    ["a question mark", "i?d.ocir.io"],
    ["a path", "iad.ocir.io/acme"],
    ["an empty label", "iad..ocir.io"],
    ["a trailing dot", "iad.ocir.io."],
    ["a line break", "iad.ocir.io\n"],
    ["letters beyond ASCII", "ïad.ocir.io"],
  ])("refuses %s", (_name, host) => {
    expect(() => bearerAuth(host, "the-token")).toThrow(
      expect.objectContaining({ name: "ProtocolError", code: "registry-host-invalid", retryable: false }),
    );
  });
});
