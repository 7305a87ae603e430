import { describe, expect, test } from "vitest";
import { shapeOfBody, shapeOfHeaders } from "./redaction.ts";

function jwtOf(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "HS256", typ: "JWT", kid: "canary" })}.${part(claims)}.c2lnbmF0dXJlLWNhbmFyeQ`;
}

function bodyOf(value: unknown, contentType = "application/json") {
  const body = Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
  return shapeOfBody({ body, headers: { "content-type": contentType } });
}

describe("shapeOfHeaders", () => {
  test("has every name, and the values of those on the list", () => {
    expect(
      shapeOfHeaders({
        "x-canary": "canary",
        "content-type": "application/json; charset=utf-8",
        "retry-after": "30",
        "cache-control": "private, ocid1.tenancy.oc1..canary",
        "www-authenticate": 'Bearer realm="https://iad.ocir.io/20180419/docker/token",service="canary",scope=""',
        "bad name": "canary",
      }),
    ).toEqual({
      "cache-control": "[withheld]",
      "content-type": "application/json; charset=utf-8",
      "retry-after": "30",
      "www-authenticate": { scheme: "Bearer", realm: "/20180419/docker/token", service: "string", scope: "empty" },
      "x-canary": "[withheld]",
    });
  });

  test("withholds a realm that is no URL", () => {
    expect(shapeOfHeaders({ "www-authenticate": 'Basic realm="canary"' })).toEqual({
      "www-authenticate": { scheme: "Basic", realm: "[withheld]" },
    });
  });
});

describe("shapeOfBody", () => {
  test.each<[string, unknown, unknown]>([
    ["nothing", "", "empty"],
    ["a page", "<!DOCTYPE html><p>canary", "html"],
    ["text", "canary", "text of application/json"],
    ["a number", "42", "text of application/json"],
    ["a list", [{ a: "canary" }, { b: 1 }], [{ a: "string" }]],
    ["kinds", { a: "", b: 1, c: true, d: null, e: [] }, { a: "empty", b: "number", c: "boolean", d: "null", e: [] }],
    ["an OCID", { id: "ocid1.instance.oc1.iad.canary" }, { id: "ocid of a instance" }],
    ["a name that is no name", { "acme/canary": 1 }, { "[withheld]": "number" }],
    [
      "harmless values",
      { code: "NotAuthenticated", expires_in: 3_600 },
      { code: "string NotAuthenticated", expires_in: "number 3600" },
    ],
    ["a harmless field with an odd value", { code: "canary\n" }, { code: "string [withheld]" }],
    [
      "a message",
      { message: "User UserId(ocid1.instance.canary) not authorized, in canary." },
      { message: "string: User … not authorized, in …" },
    ],
    ["who it is for", { sub: "anonymous" }, { sub: "string anonymous" }],
    ["who else it is for", { sub: "canary" }, { sub: "string" }],
    ["depth", { a: { a: { a: { a: { a: { a: { a: { a: "canary" } } } } } } } }, expect.anything()],
  ])("has the shape of %s", (_what, value, shape) => {
    const found = bodyOf(value);
    expect(found).toEqual(shape);
    expect(JSON.stringify(found)).not.toContain("canary");
  });

  test("has the claims of a token, and how long it lives", () => {
    const token = jwtOf({
      sub: "ocid1.instance.oc1..canary",
      iat: 1_000,
      exp: 4_600,
      ptype: "instance",
      aud: "canary",
    });
    expect(bodyOf({ token })).toEqual({
      token: {
        jwt: {
          header: { alg: "string HS256", typ: "string JWT", kid: "string" },
          claims: { sub: "ocid of a instance", iat: "number", exp: "number", ptype: "string instance", aud: "string" },
          lifeSeconds: "number 3600",
        },
      },
    });
  });

  test("has no life of a token that does not tell it, and takes three words for no token", () => {
    expect(bodyOf({ token: jwtOf({ sub: "canary-canary-canary" }) })).toMatchObject({
      token: { jwt: { claims: { sub: "string" } } },
    });
    const noToken = `${"a".repeat(30)}.${"b".repeat(30)}.${"c".repeat(30)}`;
    expect(bodyOf({ token: noToken })).toEqual({ token: { jwt: { header: "undefined", claims: "undefined" } } });
  });

  test("says of a key only that it is one, and of a broken certificate no more", () => {
    const pem = (kind: string): string => `-----BEGIN ${kind}-----\nY2FuYXJ5\n-----END ${kind}-----\n`;
    expect(bodyOf(pem("RSA PRIVATE KEY"), "text/plain")).toEqual({ pem: ["RSA PRIVATE KEY"] });
    expect(bodyOf(pem("CERTIFICATE"), "text/plain")).toEqual({ pem: ["CERTIFICATE"] });
    expect(shapeOfBody({ body: Buffer.from("x"), headers: {} })).toBe("text of no type");
  });
});
