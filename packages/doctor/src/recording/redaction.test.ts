import fc from "fast-check";
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
  test("keeps the names and values on the list, and marks that others were present", () => {
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
      "[other]": "[withheld]",
    });
  });

  test("withholds a realm that is not a URL", () => {
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
    ["a list", [{ aud: "canary" }, { exp: 1 }], [{ aud: "string" }]],
    [
      "kinds",
      { aud: "", exp: 1, iss: true, jti: null, key: [] },
      { aud: "empty", exp: "number", iss: "boolean", jti: "null", key: [] },
    ],
    ["an OCID", { id: "ocid1.instance.oc1.iad.canary" }, { id: "ocid of a instance" }],
    ["an OCID in capitals, of a kind that is not known", { id: "OCID1.CANARY.OC1..CANARY" }, { id: "ocid" }],
    ["a field name with other characters", { "acme/canary": 1 }, { "[withheld]": "number" }],
    [
      "harmless values",
      { code: "NotAuthenticated", expires_in: 3_600 },
      { code: "string NotAuthenticated", expires_in: "number 3600" },
    ],
    [
      "a region by its form",
      { regionKey: "IAD", regionIdentifier: "eu-canary-1" },
      { regionKey: "string of three capitals", regionIdentifier: "string of a region's form" },
    ],
    ["a harmless field with an odd value", { code: "canary\n" }, { code: "string [withheld]" }],
    [
      "a message",
      { message: "User UserId(ocid1.instance.canary) not authorized, in canary." },
      { message: "string: User … not authorized, in …" },
    ],
    ["the subject anonymous", { sub: "anonymous" }, { sub: "string anonymous" }],
    ["any other subject", { sub: "canary" }, { sub: "string" }],
    ["depth", { a: { a: { a: { a: { a: { a: { a: { a: "canary" } } } } } } } }, expect.anything()],
  ])("returns the shape of %s", (_what, value, shape) => {
    const found = bodyOf(value);
    expect(found).toEqual(shape);
    expect(JSON.stringify(found)).not.toContain("canary");
  });

  test("returns the claims and the lifetime of a token", () => {
    const given = { sub: "ocid1.instance.oc1..canary", iat: 1_000, exp: 4_600, ptype: "instance", aud: "canary" };
    const header = { alg: "string HS256", typ: "string JWT", kid: "string" };
    const times = { iat: "number", exp: "number" };
    const claims = { ...times, sub: "ocid of a instance", ptype: "string instance", aud: "string" };
    expect(bodyOf({ token: jwtOf(given) })).toEqual({ token: { jwt: { header, claims, lifeSeconds: "number 3600" } } });
  });

  test("omits the lifetime when a token has none, and does not accept any three words as a token", () => {
    expect(bodyOf({ token: jwtOf({ sub: "canary-canary-canary" }) })).toMatchObject({
      token: { jwt: { claims: { sub: "string" } } },
    });
    const noToken = `${"a".repeat(30)}.${"b".repeat(30)}.${"c".repeat(30)}`;
    expect(bodyOf({ token: noToken })).toEqual({ token: { jwt: { header: "undefined", claims: "undefined" } } });
  });

  test("returns only the type of a key or certificate", () => {
    const pem = (kind: string): string => `-----BEGIN ${kind}-----\nY2FuYXJ5\n-----END ${kind}-----\n`;
    expect(bodyOf(pem("RSA PRIVATE KEY"), "text/plain")).toEqual({ pem: ["RSA PRIVATE KEY"] });
    expect(bodyOf(pem("CERTIFICATE"), "text/plain")).toEqual({ pem: ["CERTIFICATE"] });
    expect(shapeOfBody({ body: Buffer.from("x"), headers: {} })).toBe("text of no type");
  });
});

/** Texts that must never get through: each word contains "zq", as no word of ours does. */
const secretWord = fc.stringMatching(/^[a-z0-9]{0,10}zq[a-z0-9]{0,10}$/);
const secret = fc.oneof(
  secretWord,
  fc.stringMatching(/^[A-Za-z]{0,3}zq[A-Za-z]{0,3}$/),
  secretWord.map((word) => `ocid1.tenancy.oc1..${word}`),
  secretWord.map((word) => `OCID1.${word}.OC1..${word}`.toUpperCase()),
  fc.array(secretWord, { minLength: 2, maxLength: 30 }).map((words) => words.join(".")),
  fc.array(secretWord, { minLength: 2, maxLength: 30 }).map((words) => words.join(" ")),
  secretWord.map((word) => `us-${word}-1`),
  secretWord.map((word) => `text/${word}`),
  secretWord.map((word) => `Bearer${word} realm="https://host/${word}/docker/token",service="${word}",${word}="1"`),
  secretWord.map((word) => jwtOf({ [word]: 1, sub: word, ptype: word, iat: 0, exp: 4_000_000_000 })),
  secretWord.map((word) => `-----BEGIN ${word.toUpperCase()}-----\n${word}\n-----END-----`),
);
const field = fc.oneof(
  secret,
  fc.constantFrom("alg", "code", "iss", "ptype", "sub", "message", "realmDomainComponent", "realmKey"),
  fc.constantFrom("regionIdentifier", "regionKey", "ttype", "typ", "expires_in", "kid", "errors", "token"),
);

/** A number that must never get through: the tests look for its digits. */
const NUMBER = 7_777_777_777_777;

describe("redaction passes no text that is not on a list", () => {
  const expectNothingOf = (shape: unknown): void => {
    expect(JSON.stringify(shape).toLowerCase()).not.toMatch(/zq|7777|4000000000/);
  };

  test.each([
    "allow",
    "cache-control",
    "connection",
    "content-type",
    "docker-distribution-api-version",
    "etag",
    "retry-after",
    "transfer-encoding",
    "vary",
    "www-authenticate",
  ])("in the header %s", (name) => {
    fc.assert(fc.property(secret, (text) => expectNothingOf(shapeOfHeaders({ [name]: text }))));
    fc.assert(fc.property(secret, (text) => expectNothingOf(shapeOfHeaders({ [name]: `public, ${text}` }))));
  });

  test("in the name of a header", () => {
    fc.assert(fc.property(secret, (name) => expectNothingOf(shapeOfHeaders({ [name]: "1" }))));
  });

  test("in the names and values of a body's fields", () => {
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 3 },
        secret,
        fc.constant(NUMBER),
        fc.dictionary(field, tie("any")),
        fc.array(tie("any")),
      ),
    })).any;
    fc.assert(fc.property(fc.dictionary(field, value), (body) => expectNothingOf(bodyOf(body))));
  });

  test("in a body that is not JSON, or in its content type", () => {
    fc.assert(fc.property(secret, secret, (body, contentType) => expectNothingOf(bodyOf(body, contentType))));
  });
});
