import { createPublicKey, generateKeyPairSync } from "node:crypto";
import type { UpstreamErrorCode } from "@ocir-broker/foundation/error-codes";
import { UpstreamError } from "@ocir-broker/foundation/upstream";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { describe, expect, test } from "vitest";
import {
  CLAIMS,
  createSend,
  type Respond,
  sessionClaims as session,
  tokenOf,
} from "../../test/service-account-tokens.ts";
import { createOkeTokenExchange } from "./oke-token-exchange.ts";

const forever = new AbortController().signal;
const other = generateKeyPairSync("rsa", { modulusLength: 2_048 }).publicKey;

/** As proxymux answers: base64 in a JSON string. */
function responseOf(session: object, prefix = "ST$"): { text: string } {
  const token = `${prefix}${tokenOf(session).reveal()}`;
  return { text: JSON.stringify(Buffer.from(JSON.stringify({ token })).toString("base64")) };
}

function setUp(respond: Respond) {
  const clock = createFakeClock();
  const send = createSend(respond, (body) => createPublicKey(JSON.parse(body).podKey));
  const endpoint = () => new URL("https://cluster.test:12250");
  const { exchange } = createOkeTokenExchange({ clock, send, endpoint });
  const exp = clock.wallMs() / 1_000 + 3_600;
  return { clock, send, exchange: (claims: object = {}) => exchange(tokenOf({ ...CLAIMS, exp, ...claims }), forever) };
}

describe("createOkeTokenExchange", () => {
  test("sends the token and a key, and returns the session of the response", async () => {
    const { exchange, send } = setUp((podKey) => responseOf(session(podKey)));
    const { value, expiresAtMs } = await exchange();
    const { url, method, headers } = send.mock.calls[0]?.[0] ?? {};
    expect([method, url?.href]).toEqual(["POST", "https://cluster.test:12250/resourcePrincipalSessionTokens"]);
    expect(headers).toMatchObject({
      authorization: expect.stringMatching(/^Bearer ey/),
      "opc-request-id": expect.any(String),
    });
    expect(value.keyId.reveal()).toMatch(/^ST\$[^$]+$/);
    expect(expiresAtMs).toBe(5 + 3_600_000);
  });

  test("shares a key between sessions that begin within ten minutes", async () => {
    const keys = new Set<string>();
    const { clock, exchange } = setUp((podKey) => {
      keys.add(JSON.stringify(podKey.export({ format: "jwk" })));
      return responseOf(session());
    });
    await Promise.all([exchange(), exchange()]);
    expect(keys.size).toBe(1);
    await clock.advance(600_000);
    await exchange();
    expect(keys.size).toBe(2);
  });

  test("does not send a token that expires within 5 minutes", async () => {
    const { clock, exchange, send } = setUp(() => responseOf(session()));
    await expect(exchange({ exp: clock.wallMs() / 1_000 + 299 })).rejects.toMatchObject({
      code: "service-account-token-expired",
    });
    expect(send).not.toHaveBeenCalled();
  });

  test.each<[name: string, code: string, respond: Respond]>([
    ["401", "cluster-token-refused", () => ({ status: 401 })],
    ["403, of a basic cluster", "cluster-basic", () => ({ status: 403 })],
    ["429", "token-exchange-throttled", () => ({ status: 429, headers: { "retry-after": "7" } })],
    ["400", "token-exchange-refused", () => ({ status: 400 })],
    ["500", "token-exchange-unavailable", () => ({ status: 500 })],
    ["a page", "token-exchange-invalid", () => ({ text: "<html>" })],
    [
      "base64 without quotes",
      "token-exchange-invalid",
      () => ({ text: String(responseOf(session()).text).slice(1, -1) }),
    ],
    ["a token of another kind", "token-exchange-invalid", () => responseOf(session(), "")],
    ["a token without an end", "token-exchange-invalid", () => responseOf({ iat: 0 })],
    ["a token that has ended", "token-exchange-invalid", () => responseOf({ iat: 0, exp: 0 })],
    ["a token for another key", "token-exchange-invalid", () => responseOf(session(other))],
  ])("reports %s as %s", async (_name, code, respond) => {
    const { exchange } = setUp(respond);
    const retryAfterMs = code === "token-exchange-throttled" ? 7_000 : undefined;
    await expect(exchange()).rejects.toMatchObject({ code, retryAfterMs });
  });

  test.each<[UpstreamErrorCode, string]>([
    ["tls", "cluster-tls"],
    ["upstream-response-too-large", "token-exchange-invalid"],
    ["refused", "cluster-unreachable"],
    ["timeout", "cluster-unreachable"],
  ])("reports the upstream error %s as %s", async (cause, code) => {
    const { exchange, send } = setUp(() => ({}));
    send.mockRejectedValue(new UpstreamError(cause, "cluster.test"));
    await expect(exchange()).rejects.toMatchObject({ code, message: expect.stringContaining("cluster.test:12250") });
  });
});
