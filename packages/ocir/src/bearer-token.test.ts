import { jwtOf } from "@ocir-broker/testkit/jwt";
import { describe, expect, test } from "vitest";
import { MAX_TOKEN_CHARACTERS, parseTokenResponse } from "./bearer-token.ts";

const NOW_MS = Date.parse("2026-01-01T00:00:00Z");
const NOW_S = NOW_MS / 1_000;
const INSTANCE = "ocid1.instance.oc1.iad.aaaaaaaaexample";

const tokenOf = (claims: object = {}) => jwtOf({ sub: INSTANCE, ...claims });
const good = tokenOf({ exp: NOW_S + 3_600 });

function parse(response: unknown): ReturnType<typeof parseTokenResponse> {
  return parseTokenResponse(Buffer.from(typeof response === "string" ? response : JSON.stringify(response)), NOW_MS);
}

describe("parseTokenResponse", () => {
  test.each<[string, object]>([
    ["the response that is documented", { token: good, access_token: good, scope: "", expires_in: 3_600 }],
    ["token alone", { token: good, expires_in: 3_600 }],
    ["access_token beside an empty token", { token: "", access_token: good, expires_in: 3_600 }],
    ["fields that it does not know", { token: good, expires_in: 3_600, issued_at: {}, refresh_token: null }],
    ["no expires_in", { token: good, expires_in: null }],
  ])("accepts %s", (_what, response) => {
    expect(parse(response)).toStrictEqual({ token: good, lifeMs: 3_600_000, isAnonymous: false });
  });

  test.each<[string, object, number]>([
    ["exp when it is the smaller", { token: tokenOf({ exp: NOW_S + 60 }), expires_in: 3_600 }, 60_000],
    ["expires_in when it is the smaller", { token: good, expires_in: 60 }, 60_000],
    ["expires_in if there is no exp", { token: tokenOf(), expires_in: 60 }, 60_000],
    ["exp gone by", { token: tokenOf({ exp: NOW_S - 60 }), expires_in: 3_600 }, -60_000],
    [
      "exp - iat if a wrong date makes exp seem far",
      { token: tokenOf({ iat: NOW_S + 80_000, exp: NOW_S + 83_600 }) },
      3_600_000,
    ],
    ["exp before iat", { token: tokenOf({ iat: NOW_S + 7_200, exp: NOW_S + 3_600 }), expires_in: 3_600 }, -3_600_000],
    ["expires_in of nothing", { token: good, expires_in: 0 }, 0],
  ])("computes the life from %s", (_what, response, lifeMs) => {
    expect(parse(response)).toMatchObject({ lifeMs });
  });

  test.each<[string, unknown]>([
    ["nothing", ""],
    ["HTML", "<html>"],
    ["an empty object", {}],
    ["an error with status 200", { code: "NotAuthenticated", message: "no" }],
    ["an empty token", { token: "", expires_in: 3_600 }],
    ["a token that is not a string", { token: { value: good }, expires_in: 3_600 }],
    ["a life that is not a number", { token: good, expires_in: "3600" }],
    ["no life at all", { token: tokenOf() }],
    ["a life of more than a day", { token: tokenOf(), expires_in: 86_401 }],
    ["an exp in more than a day", { token: tokenOf({ exp: NOW_S + 86_401 }) }],
    ["a life beyond all numbers", { token: tokenOf(), expires_in: 1e308 }],
    ["a life beyond all numbers beside an exp", { token: good, expires_in: 1e308 }],
    ["an exp beyond all numbers beside a life", { token: tokenOf({ exp: 1e300 }), expires_in: 3_600 }],
    ["claims of more than a day beside a life", { token: tokenOf({ iat: NOW_S, exp: 1e300 }), expires_in: 3_600 }],
    ["an opaque token", { token: "opaque", expires_in: 3_600 }],
    ["two parts", { token: good.split(".").slice(0, 2).join("."), expires_in: 3_600 }],
    ["four parts", { token: `${good}.x`, expires_in: 3_600 }],
    ["claims that are no JSON", { token: "a.bm90IGpzb24.c", expires_in: 3_600 }],
    ["an exp that is not a number", { token: tokenOf({ exp: "soon" }), expires_in: 3_600 }],
    ["a token that is too long", { token: good.padEnd(MAX_TOKEN_CHARACTERS + 1, "A"), expires_in: 3_600 }],
    ["a line break", { token: `${good}\n`, expires_in: 3_600 }],
    ["a line break that begins a header", { token: `${good}\r\nx: y`, expires_in: 3_600 }],
    ["letters beyond ASCII", { token: `${good}é`, expires_in: 3_600 }],
  ])("refuses %s", (_what, response) => {
    expect(parse(response)).toBeUndefined();
  });

  test.each<[string, object, boolean]>([
    ["an instance", { sub: INSTANCE }, false],
    ["a tenant without a subject", { tenant: "ocid1.tenancy.oc1..aaaaaaaatenancy" }, false],
    ["an OCID deep inside", { principal: { claims: [{ key: "x", value: INSTANCE }] } }, false],
    ["an OCID beside an empty subject", { sub: "", "opc-instance": INSTANCE }, false],
    ["a subject of a kind unknown to us", { sub: "tenancy/worker-7" }, false],
    ["anonymous", { sub: "anonymous" }, true],
    ["anonymous in capitals", { sub: "ANONYMOUS_USER" }, true],
    ["anonymous of a tenancy", { sub: "anonymous", tenant: "ocid1.tenancy.oc1..aaaaaaaatenancy" }, true],
    ["an empty subject", { sub: "", aud: "iad.ocir.io" }, true],
    ["a subject of spaces", { sub: "  " }, true],
    ["a subject that is not a string", { sub: 7 }, true],
    ["no subject", { iss: "ocir", aud: "iad.ocir.io", jti: "7b1c" }, true],
    ["something like an OCID", { jti: "xocid1.instance.oc1..a", aud: "ocid1" }, true],
  ])("detects an anonymous token: %s", (_what, claims, isAnonymous) => {
    expect(parse({ token: jwtOf(claims), expires_in: 3_600 })).toMatchObject({ isAnonymous });
  });
});
