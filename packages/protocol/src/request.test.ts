import { inspect } from "node:util";
import { Secret } from "@ocir-broker/foundation/secret";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { API_VERSIONS, MAX_REQUEST_BYTES } from "./contract.ts";
import { ProtocolError } from "./protocol-error.ts";
import { decodeCredentialProviderRequest } from "./request.ts";

const [v1] = API_VERSIONS;
const fields = { kind: "CredentialProviderRequest", apiVersion: v1, image: "iad.ocir.io/ns/repo" };
/** The fields, after others in front. */
const after = (others: string) => Buffer.from(`{${others},${JSON.stringify(fields).slice(1)}`);
const JWT = "eyJ.ey-J._x";
const decoded = { apiVersion: v1, image: "iad.ocir.io/ns/repo" };

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** A valid request of exactly so many bytes. */
function requestOf(bytes: number): Buffer {
  const frame = json({ ...fields, padding: "" }).length;
  return json({ ...fields, padding: "x".repeat(bytes - frame) });
}

describe("decodeCredentialProviderRequest", () => {
  test.each(API_VERSIONS)("accepts %s", (apiVersion) => {
    expect(decodeCredentialProviderRequest(json({ ...fields, apiVersion }))).toStrictEqual({ ...decoded, apiVersion });
  });

  test.each([
    ["the newline that the kubelet writes", Buffer.concat([json(fields), Buffer.from("\n")])],
    ["a byte-order mark", Buffer.concat([Buffer.from("\uFEFF"), json(fields)])],
    ["a key given twice, of which the last counts", after('"image":"other/x"')],
    ["a field of the future", json({ ...fields, imageVolume: { depth: [1] } })],
    ["a null service-account token", json({ ...fields, serviceAccountToken: null, serviceAccountAnnotations: null })],
    ["an empty service-account token", json({ ...fields, serviceAccountToken: "", serviceAccountAnnotations: {} })],
    ["a __proto__ field", after('"__proto__":{"image":"evil/x"}')],
    ["a body of the largest size", requestOf(MAX_REQUEST_BYTES)],
    ["a depth that would overflow a recursive parser", after(`"deep":${"[".repeat(120_000)}${"]".repeat(120_000)}`)],
  ])("accepts %s", (_name, body) => {
    expect(decodeCredentialProviderRequest(body)).toStrictEqual(decoded);
  });

  test.each([
    ["annotations", { team: "shop" }, { team: "shop" }],
    ["no annotations", undefined, {}],
    ["null annotations", null, {}],
  ])(
    "accepts a service account with %s, with its token as a secret",
    (_name, serviceAccountAnnotations, annotations) => {
      const { serviceAccount } = decodeCredentialProviderRequest(
        json({ ...fields, serviceAccountToken: JWT, serviceAccountAnnotations }),
      );
      expect(serviceAccount?.token).toBeInstanceOf(Secret);
      expect([serviceAccount?.token.reveal(), serviceAccount?.annotations]).toEqual([JWT, annotations]);
    },
  );

  /** A request in bytes, or fields to change in a valid one. */
  type Row = readonly [name: string, code: string, request: Buffer | object];
  test.each<Row>([
    ["nothing", "request-not-json", Buffer.alloc(0)],
    ["half a document", "request-not-json", json(fields).subarray(0, -1)],
    [
      "bytes that are no UTF-8",
      "request-not-json",
      Buffer.from(JSON.stringify(fields).replace("iad", "\xff"), "latin1"),
    ],
    ["null", "request-invalid", json(null)],
    ["a list", "request-invalid", json([fields])],
    ["a missing kind", "request-invalid", { kind: undefined }],
    ["the kind of a response", "request-invalid", { kind: "CredentialProviderResponse" }],
    ["a missing apiVersion", "request-invalid", { apiVersion: undefined }],
    ["a missing image", "request-invalid", { image: undefined }],
    ["an empty image", "request-invalid", { image: "" }],
    ["fields only inside __proto__", "request-invalid", Buffer.from(`{"__proto__":${JSON.stringify(fields)}}`)],
    ["fields in another case", "request-invalid", json({ Kind: fields.kind, ApiVersion: v1, Image: fields.image })],
    ["a token that is not a string", "request-invalid", { serviceAccountToken: 1 }],
    [
      "an annotation that is not a string",
      "request-invalid",
      { serviceAccountToken: JWT, serviceAccountAnnotations: { a: 1 } },
    ],
    ...API_VERSIONS.slice(1).map(
      (apiVersion): Row => [`a token in ${apiVersion}`, "request-invalid", { apiVersion, serviceAccountToken: JWT }],
    ),
    ...["e.y", "a.b.c.d", "a.b c.d", "a.b\r\nhost: x.d", `${"a".repeat(16_384)}.b.c`].map(
      (serviceAccountToken): Row => [
        `the token ${JSON.stringify(serviceAccountToken.slice(0, 20))}`,
        "service-account-token-invalid",
        { serviceAccountToken },
      ],
    ),
    ["a later version", "api-version-unsupported", { apiVersion: "credentialprovider.kubelet.k8s.io/v2" }],
    ["another group", "api-version-unsupported", { apiVersion: "kubelet.config.k8s.io/v1" }],
  ])("refuses %s as %s", (_name, code, request) => {
    const body = Buffer.isBuffer(request) ? request : json({ ...fields, ...request });
    expect(() => decodeCredentialProviderRequest(body)).toThrow(expect.objectContaining({ code, retryable: false }));
  });

  test("shows nothing of its input in an error", () => {
    for (const body of [
      "canary-text",
      '{"kind":"canary-text"}',
      JSON.stringify({ ...fields, apiVersion: "canary-text" }),
      JSON.stringify({ ...fields, serviceAccountToken: "canary-text" }),
    ]) {
      try {
        decodeCredentialProviderRequest(Buffer.from(body));
        expect.unreachable();
      } catch (error) {
        expect(inspect(error, { depth: 9 })).not.toContain("canary");
      }
    }
  });

  test("returns version, image and a token valid in a header, or throws ProtocolError, for any input", () => {
    const almost = fc.record(
      {
        kind: fc.oneof(fc.constant(fields.kind), fc.json()),
        apiVersion: fc.oneof(fc.constantFrom<string[]>(...API_VERSIONS), fc.string()),
        image: fc.oneof(fc.string(), fc.jsonValue()),
        serviceAccountToken: fc.oneof(fc.string(), fc.constant(JWT), fc.jsonValue()),
        serviceAccountAnnotations: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array().map(Buffer.from), fc.json().map(Buffer.from), almost.map(json)), (body) => {
        try {
          const request = decodeCredentialProviderRequest(body);
          expect(Object.keys(request)).toEqual(expect.arrayContaining(["apiVersion", "image"]));
          expect(request.serviceAccount?.token.reveal() ?? JWT).toMatch(/^[\w.-]+$/);
          expect(API_VERSIONS).toContain(request.apiVersion);
          expect(request.image).not.toBe("");
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });
});
