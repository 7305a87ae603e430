import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { decodeDockerCredentialRequest, encodeDockerCredentialResponse } from "./docker-credential.ts";
import { ProtocolError } from "./protocol-error.ts";

describe("decodeDockerCredentialRequest", () => {
  test.each([
    ["iad.ocir.io", "iad.ocir.io"],
    ["iad.ocir.io\n", "iad.ocir.io"],
    [" \r\nIAD.ocir.io\t\n", "iad.ocir.io"],
    ["https://iad.ocir.io", "iad.ocir.io"],
    ["HTTPS://iad.ocir.io/", "iad.ocir.io"],
    ["https://index.docker.io/v1/", "index.docker.io"],
    ["iad.ocir.io/v2/?x=1#y", "iad.ocir.io"],
    ["https://iad.ocir.io?service=x", "iad.ocir.io"],
    ["localhost:5000", "localhost:5000"],
    ["https://registry.example:5000/v1/", "registry.example:5000"],
    ["[::1]:5000", "[::1]:5000"],
  ])("reads %j as %s", (text, registryHost) => {
    expect(decodeDockerCredentialRequest(Buffer.from(text))).toEqual({ serverUrl: text.trim(), registryHost });
  });

  test.each([
    "",
    "http://iad.ocir.io",
    "/iad.ocir.io",
    "https://user:secret@iad.ocir.io/",
    "iad.ocir.io@evil.example",
    "iad.ocir.io:port",
    "iad.ocir.io:443443",
    "iad.ocir.io\\evil.example",
    "iad.ocir.io\niad.ocir.io",
    "iad.ocir.io/a b",
    "iad.öcir.io",
    "iad.ocir.io/\u0000",
    '{"ServerURL":"iad.ocir.io"}',
    `iad.ocir.io/${"x".repeat(2_048)}`,
  ])("refuses %j", (text) => {
    expect(() => decodeDockerCredentialRequest(Buffer.from(text))).toThrow(new ProtocolError("server-url-invalid"));
  });

  it("returns a host that occurs in the input, or refuses it, for any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const body = Buffer.from(bytes);
        try {
          const { registryHost, serverUrl } = decodeDockerCredentialRequest(body);
          expect(serverUrl.toLowerCase()).toContain(registryHost);
          expect(body.includes(serverUrl)).toBe(true);
        } catch (error) {
          expect(error).toEqual(new ProtocolError("server-url-invalid"));
        }
      }),
    );
  });
});

it("encodeDockerCredentialResponse writes the three fields that clients read, on one line", () => {
  const text = encodeDockerCredentialResponse('x/"y', { username: "BEARER_TOKEN", password: "secret" }).toString();
  expect(text).toMatch(/^[^\n]+\n$/);
  expect(JSON.parse(text)).toEqual({ ServerURL: 'x/"y', Username: "BEARER_TOKEN", Secret: "secret" });
});
