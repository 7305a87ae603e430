import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { chownSync } from "node:fs";
import type { UpstreamErrorCode } from "@ocir-broker/foundation/error-codes";
import { Secret } from "@ocir-broker/foundation/secret";
import { UpstreamError, type UpstreamRequest } from "@ocir-broker/foundation/upstream";
import { describe, expect, test } from "vitest";
import { createHome, KEYS } from "../../test/home.ts";
import { createSend, type Respond, sessionClaims as session, tokenOf } from "../../test/service-account-tokens.ts";
import type { TokenExchangeError } from "../token-exchange/token-exchange-error.ts";
import type { IdentityDomainSettings } from "./authorization.ts";
import { createIdentityDomain } from "./identity-domain.ts";

const forever = new AbortController().signal;
const other = generateKeyPairSync("rsa", { modulusLength: 2_048 }).publicKey;
const URL_OF_DOMAIN = "https://idcs-1.identity.oraclecloud.com";
const SECRET = "s3cret-of-the-client";
const CLIENT = { authorization: "client", clientId: "app" } as const;

const responseOf = (claims: object, prefix = "") => ({
  text: JSON.stringify({ token: `${prefix}${tokenOf(claims).reveal()}` }),
});

function setUp(
  respond: Respond = (key) => responseOf(session(key)),
  settings: Partial<IdentityDomainSettings> = {},
  environment: Readonly<Record<string, string>> = {},
  hasNewer = false,
) {
  const home = createHome();
  const send = createSend(respond, (body) => {
    const key = Buffer.from(new URLSearchParams(body).get("public_key") ?? "", "base64");
    return createPublicKey({ key, format: "der", type: "spki" });
  });
  const nodeSession = (name: string) => ({
    value: { keyId: new Secret(`ST$${name}`), privateKey: KEYS.privateKey },
    ...{ obtainedAtMs: 0, expiresAtMs: 3_600_000 },
  });
  const [node, newer] = [nodeSession("node"), nodeSession("newer")];
  const { exchange } = createIdentityDomain({
    clock: home.clock,
    send,
    settings: { url: URL_OF_DOMAIN, authorization: "instance-principal", ...settings },
    environment,
    nodeSessions: {
      live: async () => node,
      newerThan: async (refused) => (hasNewer && refused === node ? newer : undefined),
    },
  });
  const sent = () => send.mock.calls[0]?.[0] as UpstreamRequest;
  return { home, send, sent, exchange: () => exchange(tokenOf(), forever) };
}

describe("createIdentityDomain", () => {
  test("sends the token and a key, signed by the node, and returns the session of the response", async () => {
    const { exchange, sent } = setUp();
    const { value, expiresAtMs } = await exchange();
    expect(value.keyId.reveal()).toMatch(/^ST\$[^$]+$/);
    expect(expiresAtMs).toBe(5 + 3_600_000);
    const { url, headers, body } = sent();
    expect(url.href).toBe(`${URL_OF_DOMAIN}/oauth2/v1/token`);
    expect(Object.fromEntries(new URLSearchParams(body))).toEqual({
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      requested_token_type: "urn:oci:token-type:oci-upst",
      subject_token: tokenOf().reveal(),
      subject_token_type: "jwt",
      public_key: expect.stringMatching(/^MII[\w+/]+=*$/),
    });
    expect(headers["authorization"]).toContain('keyId="ST$node"');
  });

  test.each<[name: string, hasNewer: boolean, responses: readonly number[], code: string, keys: readonly string[]]>([
    ["retries with a newer session", true, [401, 200], "", ["node", "newer"]],
    ["retries only once", true, [401, 401], "domain-client-refused", ["node", "newer"]],
    ["does not retry without a newer session", false, [401], "domain-client-refused", ["node"]],
    ["does not retry after a 403", true, [403], "domain-client-refused", ["node"]],
  ])("%s if the node's session is refused", async (_name, hasNewer, responses, code, keys) => {
    const left = [...responses];
    const respond: Respond = (key) => ({ ...responseOf(session(key)), status: left.shift() ?? 500 });
    const { exchange, send } = setUp(respond, {}, {}, hasNewer);
    expect(
      await exchange().then(
        () => "",
        (error: TokenExchangeError) => error.code,
      ),
    ).toBe(code);
    const used = send.mock.calls.map(([{ headers }]) => /keyId="ST\$(\w+)"/.exec(headers["authorization"] ?? "")?.[1]);
    expect([used, left]).toEqual([keys, []]);
  });

  test.each<[string, (path: string) => [Partial<IdentityDomainSettings>, Record<string, string>]]>([
    ["its file", (path) => [{ clientSecretFile: `${path}/identity-domain-secret` }, {}]],
    ["systemd's credential", (path) => [{}, { CREDENTIALS_DIRECTORY: path }]],
  ])("authenticates as a client with the secret of %s, read at each token exchange", async (_name, where) => {
    const first = createHome();
    const [settings, environment] = where(first.path);
    const { exchange, send } = setUp(undefined, { ...CLIENT, ...settings }, environment);
    const sent: (string | undefined)[] = [];
    for (const secret of [SECRET, "new"]) {
      first.write("identity-domain-secret", `${secret}\n`, 0o400);
      await exchange();
      sent.push(send.mock.lastCall?.[0].headers["authorization"]);
    }
    const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;
    expect(sent).toEqual([basic(`app:${SECRET}`), basic("app:new")]);
  });

  test.skipIf(process.getuid?.() !== 0)("accepts, as root, root's file that a group may read", async () => {
    const home = createHome();
    const clientSecretFile = home.write("secret", SECRET, 0o640);
    const { exchange } = setUp(undefined, { ...CLIENT, clientSecretFile });
    await expect(exchange()).rejects.toMatchObject({ code: "identity-file-permissions" });
    chownSync(clientSecretFile, 0, 65_534);
    await exchange();
  });

  test.each<[code: string, string | undefined, mode: number, Partial<IdentityDomainSettings>]>([
    ["identity-file-permissions", SECRET, 0o640, CLIENT],
    ["identity-file-permissions", SECRET, 0o604, CLIENT],
    ["identity-file-unreadable", undefined, 0, CLIENT],
    ["domain-secret-missing", "\n", 0o600, CLIENT],
    ["domain-secret-missing", SECRET, 0o600, { ...CLIENT, clientSecretFile: undefined }],
    ["domain-not-configured", SECRET, 0o600, { authorization: "client" }],
    ["domain-not-configured", SECRET, 0o600, { url: undefined }],
  ])("sends no request and reports %s (%j, mode %o)", async (code, text, mode, settings) => {
    const home = createHome();
    const clientSecretFile = `${home.path}/secret`;
    if (text !== undefined) home.write("secret", text, mode);
    const { exchange, send } = setUp(undefined, { clientSecretFile, ...settings });
    const failed = await exchange().catch((error: unknown) => error);
    expect(failed).toMatchObject({ code });
    expect(String(failed)).not.toContain(SECRET);
    expect(send).not.toHaveBeenCalled();
  });

  test.each<[name: string, code: string, respond: Respond]>([
    ["401", "domain-client-refused", () => ({ status: 401 })],
    ["403", "domain-client-refused", () => ({ status: 403 })],
    ["400 about the client", "domain-client-refused", () => ({ status: 400, text: '{"error":"invalid_client"}' })],
    ["400 about its grant", "domain-client-refused", () => ({ status: 400, text: '{"error":"unauthorized_client"}' })],
    ["400 about the token", "domain-token-refused", () => ({ status: 400, text: '{"error":"invalid_grant"}' })],
    ["404", "domain-unknown", () => ({ status: 404 })],
    ["405", "token-exchange-refused", () => ({ status: 405 })],
    ["429", "token-exchange-throttled", () => ({ status: 429, headers: { "retry-after": "7" } })],
    ["503", "token-exchange-unavailable", () => ({ status: 503 })],
    ["a page", "token-exchange-invalid", () => ({ text: "<html>" })],
    ["a token with a prefix", "token-exchange-invalid", (key) => responseOf(session(key), "ST$")],
    ["a token for another key", "token-exchange-invalid", () => responseOf(session(other))],
  ])("reports %s as %s", async (_name, code, respond) => {
    const retryAfterMs = code === "token-exchange-throttled" ? 7_000 : undefined;
    await expect(setUp(respond).exchange()).rejects.toMatchObject({ code, retryAfterMs });
  });

  test("does not retry with a newer session of the node if its clock is off", async () => {
    const { exchange, send } = setUp(() => ({ status: 401, serverDateMs: 1e12 }), {}, {}, true);
    await expect(exchange()).rejects.toMatchObject({ code: "clock-skew" });
    expect(send).toHaveBeenCalledOnce();
  });

  test.each<[UpstreamErrorCode, string]>([
    ["tls", "domain-tls"],
    ["timeout", "domain-unreachable"],
  ])("reports the upstream error %s as %s", async (cause, code) => {
    const { exchange, send } = setUp();
    send.mockRejectedValue(new UpstreamError(cause, "domain.test"));
    await expect(exchange()).rejects.toMatchObject({ code });
  });
});
