import { createHash, generateKeyPairSync } from "node:crypto";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { describe, expect, test } from "vitest";
import { send } from "../../test/raw-client.ts";
import {
  type Alteration,
  base64Der,
  federate,
  type Identity,
  pemOf,
  postSigned,
  readIdentity,
  sessionKeys,
} from "../../test/signed-requests.ts";
import { sharedSimulator } from "../for-tests.ts";
import { startSimulator } from "../simulator.ts";

const [simulator, stranger] = await Promise.all([sharedSimulator(), sharedSimulator()]);
const [identity, strangerIdentity] = await Promise.all([readIdentity(simulator), readIdentity(stranger)]);

const SHORT_KEY = base64Der(generateKeyPairSync("rsa", { modulusLength: 1_024 }).publicKey);
const EC_KEY = base64Der(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey);
const strangers = base64Der(strangerIdentity.intermediate);
const EMPTY_HASH = createHash("sha256").digest("base64");
const SHA_256_ID = `${identity.tenancyId}/fed-x509-sha256/${identity.leaf.fingerprint256.toLowerCase()}`;
const asGo = { fields: { fingerprintAlgorithm: "SHA256" } };
const upperCase = (text: string) => text.toUpperCase();

/** At the time of the request, because a table of cases is made long before. */
const atDate = (laterMs: number): Alteration => ({
  draft: () => ({ headers: { date: new Date(Date.now() + laterMs).toUTCString() } }),
});
type Some = Record<string, string | undefined>;
const uncover = (name: string): Alteration => ({
  draft: ({ covered }) => ({ covered: covered.filter((each) => each !== name) }),
});
const cover = (name: string): Alteration => ({ draft: ({ covered }) => ({ covered: [...covered, name] }) });
const withKeyId = (change: (keyId: string) => string): Alteration => ({
  draft: ({ keyId }) => ({ keyId: change(keyId) }),
});
const withParameters = (parameters: Some): Alteration => ({ draft: { parameters } });
const withHeaders = (headers: Some): Alteration => ({ draft: { headers } });
const afterSigning = (headers: Some): Alteration => ({ wire: { headers } });
const rewriteAuthorization = (from: string | RegExp, to: string): Alteration => ({
  wire: ({ headers }) => ({ headers: { authorization: headers["authorization"]?.replace(from, to) } }),
});

describe("POST /v1/x509 refuses, with 401 NotAuthenticated,", () => {
  const mismatch = "signature does not match";
  const unnamed = /does not name the certificate/;
  const cases: [what: string, reason: string | RegExp, Alteration & { fields?: object }][] = [
    ["no Authorization", "no Signature in Authorization", afterSigning({ authorization: undefined })],
    ["another scheme", "no Signature in Authorization", afterSigning({ authorization: "Bearer Oracle" })],
    ["broken syntax", /not a list/, rewriteAuthorization('version="1"', "version=1")],
    ["a comma at the end", /not a list/, rewriteAuthorization(/$/, ",")],
    ["a parameter twice", "version given twice", rewriteAuthorization('version="1"', 'version="1",version="1"')],
    ["an unknown parameter", "unknown parameter created", withParameters({ created: "1" })],
    ["no version", 'version is not "1"', withParameters({ version: undefined })],
    ["another algorithm", "algorithm is not rsa-sha256", withParameters({ algorithm: "rsa-sha512" })],
    ["no keyId", /missing/, withParameters({ keyId: undefined })],
    ["no headers", /missing/, withParameters({ headers: undefined })],
    ["no signature", /missing/, withParameters({ signature: undefined })],
    ["a signature that is not base64", "signature is not clean base64", withParameters({ signature: "%%%" })],
    ["another key's signature", mismatch, { draft: { key: sessionKeys.privateKey } }],
    ["(request-target) not covered", "(request-target) is not covered", uncover("(request-target)")],
    ["date not covered", "neither date nor x-date is covered", uncover("date")],
    ["content-length not covered", "content-length is not covered", uncover("content-length")],
    ["content-type not covered", "content-type is not covered", uncover("content-type")],
    ["x-content-sha256 not covered", "x-content-sha256 is not covered", uncover("x-content-sha256")],
    ["a header covered twice", "a header is covered twice", cover("date")],
    ["a covered header that is not there", "covered header x-more is not there", cover("x-more")],
    ["a covered header named like a method", "covered header constructor is not there", cover("constructor")],
    ["a date 5 min 10 s behind", "date is too far off", atDate(-310_000)],
    ["a date 5 min 10 s ahead", "date is too far off", atDate(310_000)],
    ["a date in another form", "date is not an HTTP date", withHeaders({ date: new Date().toISOString() })],
    ["a host changed after signing", mismatch, afterSigning({ host: "auth.us-ashburn-1.oraclecloud.com" })],
    ["a query added after signing", mismatch, { wire: { target: "/v1/x509?a=b" } }],
    ["another body's hash", "x-content-sha256 is not the body's", withHeaders({ "x-content-sha256": EMPTY_HASH })],
    ["another tenancy in keyId", /tenancy/, withKeyId((keyId) => keyId.replace("tenancy.oc1", "tenancy.oc2"))],
    ["one more part in keyId", /tenancy/, withKeyId((keyId) => `${keyId}/x`)],
    ["a user's keyId", unnamed, withKeyId((keyId) => keyId.replace("fed-x509", "ocid1.user.oc1..x"))],
    ["a keyId without fingerprint", unnamed, withKeyId((keyId) => keyId.replace(/\/[^/]*$/, ""))],
    ["a fingerprint in mixed case", unnamed, withKeyId((keyId) => keyId.replace(/.{30}$/, upperCase))],
    ["another certificate's fingerprint", unnamed, withKeyId((keyId) => `${keyId.slice(0, -2)}zz`)],
    ["a SHA-256 in upper case", unnamed, { ...withKeyId(() => SHA_256_ID.replace(/[^/]+$/, upperCase)), ...asGo }],
    ["fed-x509-sha256 without algorithm", unnamed, withKeyId(() => SHA_256_ID)],
    ["fed-x509 with fingerprintAlgorithm", unnamed, asGo],
    ["no intermediate certificate", /root/, { fields: { intermediateCertificates: [] } }],
    ["another authority's intermediate", /root/, { fields: { intermediateCertificates: [strangers] } }],
  ];

  test.each(cases)("%s", async (_, reason, alteration) => {
    const response = await federate(simulator, identity, alteration);
    expect(response.status).toBe(401);
    expect(response.json.code).toBe("NotAuthenticated");
    expect(response.headers["opc-request-id"]).toBeDefined();
    expect(simulator.refusals().at(-1)).toEqual({
      endpoint: "auth.x509",
      status: 401,
      reason: reason instanceof RegExp ? expect.stringMatching(reason) : reason,
    });
  });

  test("a certificate of another authority with the same names", async () => {
    expect((await federate(simulator, strangerIdentity)).status).toBe(401);
    expect((await federate(stranger, strangerIdentity)).status).toBe(200);
  });
});

test.each<[string, Alteration & { fields?: object }]>([
  ["another content type", withHeaders({ "content-type": "text/plain" })],
  ["no content type", { ...uncover("content-type"), ...afterSigning({ "content-type": undefined }) }],
  ["a body that is not JSON", { draft: { body: "{" } }],
  ["a body that is not an object", { draft: { body: "null" } }],
  ["an unknown field", { fields: { more: 1 } }],
  ["another purpose", { fields: { purpose: "SERVICE_PRINCIPAL" } }],
  ["another fingerprintAlgorithm", { fields: { fingerprintAlgorithm: "SHA512" } }],
  ["no certificate", { fields: { certificate: undefined } }],
  ["a certificate in PEM", { fields: { certificate: identity.leaf.toString() } }],
  ["a certificate that is none", { fields: { certificate: "AAAA" } }],
  ["no intermediateCertificates", { fields: { intermediateCertificates: undefined } }],
  ["no publicKey", { fields: { publicKey: "" } }],
  ["a publicKey that is none", { fields: { publicKey: "AAAA" } }],
  ["an RSA key of 1024 bits", { fields: { publicKey: SHORT_KEY } }],
  ["a key that is not RSA", { fields: { publicKey: EC_KEY } }],
])("POST /v1/x509 refuses, with 400 InvalidParameter, %s", async (_, alteration) => {
  const response = await federate(simulator, identity, alteration);
  expect(response.status).toBe(400);
  expect(response.json.code).toBe("InvalidParameter");
});

test("the auth service responds only to its path and method", async () => {
  expect((await federate(simulator, identity, { draft: { target: "/v1/x508" } })).status).toBe(404);
  expect((await send(simulator.authUrl, { target: "/v1/x509" })).status).toBe(405);
});

test("a leaf lives for 2 hours, and is replaced after 100 minutes", async () => {
  const clock = createFakeClock();
  await using aging = await startSimulator({ clock, multiValuedSubject: true });
  const first = await readIdentity(aging);
  const federateNow = (identity: Identity) =>
    federate(aging, identity, withHeaders({ date: new Date(clock.wallMs()).toUTCString() }));
  const isFirst = async () => (await readIdentity(aging)).leaf.fingerprint === first.leaf.fingerprint;
  expect(first.leaf.subject).toContain(" + ");
  await clock.advance(99 * 60_000);
  expect(await isFirst()).toBe(true);
  await clock.advance(60_000);
  expect(await isFirst()).toBe(false);
  expect((await federateNow(first)).status).toBe(200);
  await clock.advance(20 * 60_000);
  expect((await federateNow(first)).status).toBe(401);
});

const url = new URL("/v1/authentication/refresh", simulator.authUrl);
const { token } = await simulator.cliSession(pemOf(sessionKeys.publicKey));
const resource = await simulator.resourceToken(pemOf(sessionKeys.publicKey));
const { token: other } = await simulator.cliSession(pemOf(sessionKeys.publicKey));
const { privateKey: foreignKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });

test.each([
  ["a person's session", 200, token, token, sessionKeys.privateKey],
  ["a resource principal's session", 401, resource, resource, sessionKeys.privateKey],
  ["another session than the one that signs", 401, token, other, sessionKeys.privateKey],
  ["a session, signed with another key", 401, token, token, foreignKey],
])("the auth service responds to a refresh of %s with %i", async (_, status, signing, currentToken, key) => {
  expect((await postSigned(url, signing, { currentToken }, { draft: { key } })).status).toBe(status);
});
