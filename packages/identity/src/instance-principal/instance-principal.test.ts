import crypto, { createPublicKey } from "node:crypto";
import { createSendRequest, type SendRequest } from "@ocir-broker/foundation/upstream";
import { createAuthServiceDouble } from "@ocir-broker/testkit/auth-service-double";
import { createImpatientClock } from "@ocir-broker/testkit/impatient-clock";
import { createIdentityAuthority, type InstanceIdentity } from "@ocir-broker/testkit/instance-identity";
import { createMetadataServiceDouble } from "@ocir-broker/testkit/metadata-service-double";
import { startMswServer } from "@ocir-broker/testkit/msw-server";
import { HttpResponse, http, type RequestHandler } from "msw";
import { Agent } from "undici";
import { expect, onTestFinished, test, vi } from "vitest";
import { describeProvider } from "../../test/provider-conformance.ts";
import type { SigningSession } from "../identity-provider.ts";
import { createInstancePrincipal } from "./instance-principal.ts";

const DAY_MS = 86_400_000;
const TENANCY = "ocid1.tenancy.oc1..a";
const PAGES = { certificatePem: "<html>", keyPem: "<html>", intermediatePem: "<html>" };
const forever = new AbortController().signal;
const authority = await createIdentityAuthority();
const [identity, rotated, moved] = await Promise.all([issue(TENANCY), issue(TENANCY), issue("ocid1.tenancy.oc1..b")]);

function issue(tenancyId: string, fromMs = -DAY_MS, toMs = DAY_MS): Promise<InstanceIdentity> {
  return authority.issue({ tenancyId, notBeforeMs: Date.now() + fromMs, notAfterMs: Date.now() + toMs });
}

/** The lines of keys and certificates. */
const PEM_LINES = [identity, rotated]
  .flatMap((documents) => Object.values(documents))
  .flatMap((pem) => pem.split("\n").filter((line: string) => line.length === 64));

interface Options {
  /** Asked before the double's own. */
  metadata?: RequestHandler[];
  auth?: RequestHandler[];
  alterClaims?: (claims: Record<string, unknown>) => Record<string, unknown>;
  /** How far the auth service's clock is ahead of ours, in milliseconds. */
  authAheadMs?: number;
  /** Goes through the real address of the auth service, answered by the double. */
  byRegion?: boolean;
  /** Replaces parts of the identity that the metadata service returns. */
  documents?: Partial<InstanceIdentity> | "missing";
}

async function setUp(options: Options = {}) {
  const clock = createImpatientClock();
  const { documents } = options;
  const metadata = createMetadataServiceDouble(documents === "missing" ? undefined : { ...identity, ...documents });
  const authWallMs = () => clock.wallMs() + (options.authAheadMs ?? 0);
  const auth = createAuthServiceDouble(authWallMs, options.alterClaims);
  const metadataServer = await startMswServer(...(options.metadata ?? []), ...metadata.handlers);
  const authServer = await startMswServer(...(options.auth ?? []), auth.handler);
  const dispatcher = new Agent();
  onTestFinished(async () => {
    await dispatcher.destroy();
    await metadataServer.close();
    await authServer.close();
  });
  const send = createSendRequest({ dispatcher, clock, totalMs: 10_000 });
  const authUrls: string[] = [];
  const sendAuth: SendRequest = (request) => {
    authUrls.push(request.url.href);
    return send({ ...request, url: new URL(request.url.pathname, authServer.baseUrl) });
  };
  const provider = createInstancePrincipal(
    {
      metadata: { baseUrl: new URL("/opc/v2", metadataServer.baseUrl).href },
      auth: { endpoint: options.byRegion ? undefined : authServer.baseUrl.href },
    },
    { clock, environment: {}, random: () => 0, sendMetadata: send, sendAuth },
  );
  const requests = () => [metadataServer.requests.length, authServer.requests.length, ...auth.refusals];
  const secrets = () => [...PEM_LINES, ...auth.tokens.flatMap((token) => token.split("."))];
  return { provider, clock, metadata, auth, metadataServer, authServer, authUrls, requests, secrets };
}

function modulusInToken({ keyId }: SigningSession): string {
  const claims = JSON.parse(Buffer.from(String(keyId.reveal().split(".")[1]), "base64url").toString());
  return JSON.parse(claims.jwk).n;
}

function modulusOfKey({ privateKey }: SigningSession): unknown {
  return createPublicKey(privateKey).export({ format: "jwk" }).n;
}

/** Answers the next request for a session in the double's place. */
function onFederation(resolver: Parameters<typeof http.post>[1]): [RequestHandler] {
  return [http.post("*/v1/x509", resolver, { once: true })];
}

const { publicKey } = crypto.generateKeyPairSync("rsa", { modulusLength: 2_048 });
const foreign = JSON.stringify(publicKey.export({ format: "jwk" }));
const answering = (text: string): Options => ({ auth: onFederation(() => HttpResponse.text(text)) });
const claiming = (alterClaims: NonNullable<Options["alterClaims"]>): Options => ({ alterClaims });

/** Answers the instance's requests, two at most, with what they contain. */
function echoing(status: number, retryAfterS?: number): Options {
  const headers = { Location: "http://127.0.0.1:1/", ...(retryAfterS && { "Retry-After": String(retryAfterS) }) };
  const resolver: Parameters<typeof onFederation>[0] = async ({ request }) =>
    new HttpResponse(`${await request.text()}${request.headers.get("authorization")}`, { status, headers });
  return { auth: [...onFederation(resolver), ...onFederation(resolver)] };
}

const onCertificate = (text: string, init: object): Options => ({
  metadata: [http.get("*/cert.pem", () => new HttpResponse(text, init))],
});
const throttling = onCertificate(identity.keyPem, { status: 429, headers: { "Retry-After": "9" } });

const hanging = (onRequest: () => void) => () => {
  onRequest();
  return new Promise<never>(() => undefined);
};
const holding = (documents: NonNullable<Options["documents"]>): Options => ({ documents });

/** Without the first line of the body. */
const cut = (pem: string): string => pem.replace(/\n.{64}\n/, "\n");
const ELLIPTIC = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const ELLIPTIC_PEM = String(ELLIPTIC.export({ type: "pkcs8", format: "pem" }));
const INVALID_CHAIN = holding({ intermediatePem: rotated.certificatePem });

/** Requests to the metadata service and to the auth service, and why the latter refused some. */
const ASKED_ONCE = { requests: [3, 1] };
const NOT_ASKED = { requests: [9, 0] };
const after = (status: number, retryAfterMs?: number) => ({
  ...ASKED_ONCE,
  retryAfterMs,
  message: expect.stringMatching(`\\(status ${status}\\)$`),
});

describeProvider("createInstancePrincipal", {
  start: setUp,
  session: {
    parts: {
      keyId: expect.stringMatching(/^ST\$[\w-]+\.[\w-]+\.[\w-]+$/),
      privateKeyPem: expect.stringMatching(/^-----BEGIN PRIVATE KEY-----\n/),
      lifeMs: expect.closeTo(1_200_000, -4),
    },
    regionKey: "iad",
  },
  keepsState: true,
  refusedAs: undefined,
  refused: [
    ["a 400", "federation-refused", echoing(400), after(400)],
    ["a redirection", "federation-refused", echoing(302), after(302)],
  ],
  failing: [
    ["a 401", "federation-unauthorized", echoing(401), { requests: [6, 2] }],
    ["a 401 for an invalid chain", "federation-unauthorized", INVALID_CHAIN, { requests: [6, 2, "chain", "chain"] }],
    ["a 401 for a wrong clock", "clock-skew", { authAheadMs: 400_000 }, { requests: [3, 1, "date"] }],
    ["a 429", "federation-throttled", echoing(429, 7), after(429, 7_000)],
    ["a 503", "federation-unavailable", echoing(503, 2), after(503, 2_000)],
    ["a 500", "federation-unavailable", echoing(500), after(500)],
    ["no response", "federation-unreachable", { auth: onFederation(() => HttpResponse.error()) }, ASKED_ONCE],
    ["a response that is not JSON", "federation-invalid", echoing(200), ASKED_ONCE],
    ["JSON without a token", "federation-invalid", answering('{"access_token":"a.b.c"}'), ASKED_ONCE],
    ["a token that is not a JWT", "federation-invalid", answering('{"token":"abc"}'), ASKED_ONCE],
    ["claims that are no JSON", "federation-invalid", answering('{"token":"aaaa.bbbb.cccc"}'), ASKED_ONCE],
    ["a token that is over", "federation-invalid", claiming((all) => ({ ...all, exp: all["iat"] })), ASKED_ONCE],
    ["a token without an end", "federation-invalid", claiming(({ exp: _, ...claims }) => claims), ASKED_ONCE],
    ["a token with a broken key", "federation-invalid", claiming((claims) => ({ ...claims, jwk: "{" })), ASKED_ONCE],
    ["a token for another key", "federation-invalid", claiming((claims) => ({ ...claims, jwk: foreign })), ASKED_ONCE],
    ["a busy metadata service", "metadata-throttled", throttling, { requests: [1, 0], retryAfterMs: 9_000 }],
    ["no documents", "identity-not-ready", holding("missing"), { requests: [1, 0] }],
    ["web pages", "metadata-invalid", holding(PAGES), NOT_ASKED],
    ["a key that never matches", "certificate-mismatch", holding({ keyPem: rotated.keyPem }), NOT_ASKED],
    ["an old certificate", "certificate-expired", holding(await issue(TENANCY, -2 * DAY_MS, -DAY_MS)), NOT_ASKED],
    ["a certificate of tomorrow", "certificate-expired", holding(await issue(TENANCY, DAY_MS, 2 * DAY_MS)), NOT_ASKED],
    ["a certificate without a tenancy", "certificate-invalid", holding(await issue("")), NOT_ASKED],
    ["a cut certificate", "certificate-invalid", holding({ certificatePem: cut(identity.certificatePem) }), NOT_ASKED],
    ["a cut key", "certificate-invalid", holding({ keyPem: cut(identity.keyPem) }), NOT_ASKED],
    ["a page for a key", "metadata-invalid", holding({ keyPem: PAGES.keyPem }), NOT_ASKED],
    ["a key that is not RSA", "certificate-invalid", holding({ keyPem: ELLIPTIC_PEM }), NOT_ASKED],
    ["a key for an intermediate", "metadata-invalid", holding({ intermediatePem: identity.keyPem }), NOT_ASKED],
  ],
  waits: [["an auth service that does not answer", "aborted", (giveUp) => ({ auth: onFederation(hanging(giveUp)) })]],
});

test("InstancePrincipal.session returns a session for its own key after four metadata requests", async () => {
  const { provider, auth, metadataServer, authServer, authUrls } = await setUp({ byRegion: true });

  const [region, { value: session }] = await Promise.all([provider.region(forever), provider.session(forever)]);

  expect(region.id).toBe("us-ashburn-1");
  expect(auth.refusals).toEqual([]);
  expect(authUrls).toEqual(["https://auth.us-ashburn-1.oraclecloud.com/v1/x509"]);
  expect(session.keyId.reveal()).toBe(`ST$${auth.tokens[0]}`);
  expect(modulusInToken(session)).toBe(modulusOfKey(session));
  expect(metadataServer.requests.map((target) => target.replace("/opc/v2", ""))).toEqual([
    "/instance/regionInfo",
    "/identity/cert.pem",
    "/identity/key.pem",
    "/identity/intermediate.pem",
  ]);
  expect(authServer.requests).toHaveLength(1);
});

test("InstancePrincipal.region is requested again after a failure, then once in the life of the process", async () => {
  const { provider, metadataServer } = await setUp({
    metadata: [http.get("*/regionInfo", () => new HttpResponse("no", { status: 403 }), { once: true })],
  });

  await expect(provider.region(forever)).rejects.toMatchObject({ code: "metadata-refused" });
  const regions = await Promise.all([provider.region(forever), provider.region(forever)]);

  expect([...regions, await provider.region(forever)]).toMatchObject(Array(3).fill({ key: "iad" }));
  expect(metadataServer.requests).toHaveLength(2);
});

test("InstancePrincipal.session accepts older forms of key and tenancy, a multi-valued RDN, and two intermediates", async () => {
  const { provider, metadata, auth } = await setUp();
  const old = await authority.issue({
    tenancyId: "ocidv1:tenancy:oc1:phx:1460406592660:old",
    tenancyAttribute: "opc-identity",
    isMultiValued: true,
    notBeforeMs: Date.now() - DAY_MS,
    notAfterMs: Date.now() + DAY_MS,
  });
  const intermediatePem = rotated.certificatePem + old.intermediatePem;
  metadata.identity = { ...old, keyPem: old.keyPkcs1Pem, intermediatePem };

  await provider.session(forever);

  expect(auth.refusals).toEqual([]);
});

test("InstancePrincipal.session returns ten complete sessions for ten concurrent calls without blocking", async () => {
  const { provider, auth } = await setUp();
  const spies = [
    vi.spyOn(globalThis, "setInterval"),
    vi.spyOn(process.stdout, "write"),
    vi.spyOn(crypto, "generateKeyPairSync"),
  ];
  onTestFinished(() => void vi.restoreAllMocks());

  const sessions = await Promise.all(Array.from({ length: 10 }, () => provider.session(forever)));

  expect(new Set(sessions.map(({ value }) => value.keyId.reveal())).size).toBe(10);
  for (const { value } of sessions) expect(modulusInToken(value)).toBe(modulusOfKey(value));
  for (const spy of spies) expect(spy).not.toHaveBeenCalled();
  expect(auth.refusals).toEqual([]);
});

test("InstancePrincipal.session counts lives from the server's date, also of a certificate that starts later by the node's", async () => {
  const { provider } = await setUp({ authAheadMs: 200_000, documents: await issue(TENANCY, 140_000) });

  const { obtainedAtMs, expiresAtMs } = await provider.session(forever);

  expect(expiresAtMs - obtainedAtMs).toBeGreaterThan(1_190_000);
  expect(expiresAtMs - obtainedAtMs).toBeLessThanOrEqual(1_200_000);
});

test("InstancePrincipal.session reads the certificate again when the key is already a newer one", async () => {
  let reads = 0;
  const { provider, metadata, requests } = await setUp({
    metadata: [http.get("*/cert.pem", () => HttpResponse.text((++reads === 1 ? identity : rotated).certificatePem))],
  });
  metadata.identity = rotated;

  await provider.session(forever);

  expect(requests()).toEqual([6, 1]);
});

test("InstancePrincipal.session reads the certificate again once after a 401", async () => {
  const { provider, metadata, requests } = await setUp({
    auth: onFederation(() => {
      metadata.identity = rotated;
      return new HttpResponse("no", { status: 401 });
    }),
  });

  await provider.session(forever);

  expect(requests()).toEqual([6, 2]);
});

test("InstancePrincipal.session never returns a session of another tenancy", async () => {
  const { provider, metadata, authServer } = await setUp();
  await provider.session(forever);
  metadata.identity = moved;

  await expect(provider.session(forever)).rejects.toMatchObject({ code: "tenancy-changed", retryable: false });
  expect(authServer.requests).toHaveLength(1);
});

test("InstancePrincipal.session learns the tenancy from a session, not from a failed attempt", async () => {
  const { provider, metadata } = await setUp({
    auth: onFederation(() => new HttpResponse("down", { status: 500 })),
  });
  await expect(provider.session(forever)).rejects.toMatchObject({ code: "federation-unavailable" });
  metadata.identity = moved;

  await expect(provider.session(forever)).resolves.toBeDefined();
});

test("InstancePrincipal.session accepts a token's key with a leading zero and as an object", async () => {
  const { provider } = await setUp({
    alterClaims: (claims) => {
      const jwk = JSON.parse(String(claims["jwk"]));
      const n = Buffer.concat([Buffer.from([0]), Buffer.from(jwk.n, "base64url")]).toString("base64url");
      return { ...claims, jwk: { ...jwk, n } };
    },
  });

  await expect(provider.session(forever)).resolves.toBeDefined();
});

test("InstancePrincipal.session detects a wrong clock by the metadata service's date", async () => {
  const { provider, clock } = await setUp(
    onCertificate(identity.certificatePem, { headers: { Date: new Date().toUTCString() } }),
  );
  clock.jumpWall(-3 * DAY_MS);

  await expect(provider.session(forever)).rejects.toMatchObject({ code: "clock-skew" });
});

test("the handover names both addresses as its source, so no session of another service is used after a restart", () => {
  const sourceOf = (baseUrl?: string, endpoint?: string) => {
    const send = () => Promise.reject(new Error("nothing is sent"));
    const context = {
      clock: createImpatientClock(),
      environment: {},
      random: () => 0,
      sendMetadata: send,
      sendAuth: send,
    };
    return createInstancePrincipal({ metadata: { baseUrl }, auth: { endpoint } }, context).handover?.source;
  };
  const [metadata, auth] = ["http://127.0.0.1/opc/v2", "https://auth.test"];
  const sources = [sourceOf(), sourceOf(metadata), sourceOf(undefined, auth), sourceOf(metadata, auth), sourceOf(auth)];
  expect(new Set(sources).size).toBe(sources.length);
});
