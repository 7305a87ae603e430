import crypto, { createPublicKey } from "node:crypto";
import { inspect } from "node:util";
import { createSendRequest, type SendRequest } from "@ocir-broker/foundation";
import {
  createAuthServiceDouble,
  createIdentityAuthority,
  createImpatientClock,
  createMetadataServiceDouble,
  type InstanceIdentity,
  startMswServer,
} from "@ocir-broker/testkit";
import { HttpResponse, http, type RequestHandler } from "msw";
import { Agent } from "undici";
import { expect, onTestFinished, test, vi } from "vitest";
import { IdentityError } from "../identity-error.ts";
import type { IdentityEvent } from "../identity-event.ts";
import type { IdentityProvider, KnownIdentity, SigningSession } from "../provider.ts";
import { createInstancePrincipal } from "./instance-principal.ts";

const DAY_MS = 86_400_000;
const forever = new AbortController().signal;
const authority = createIdentityAuthority();
const [identity, rotated, moved] = [
  issue("ocid1.tenancy.oc1..a"),
  issue("ocid1.tenancy.oc1..a"),
  issue("ocid1.tenancy.oc1..b"),
];

function issue(tenancyId: string, fromMs = -DAY_MS, toMs = DAY_MS): InstanceIdentity {
  return authority.issue({ tenancyId, notBeforeMs: Date.now() + fromMs, notAfterMs: Date.now() + toMs });
}

interface Options {
  /** Asked before the double's own. */
  metadata?: RequestHandler[];
  auth?: RequestHandler[];
  alterClaims?: (claims: Record<string, unknown>) => Record<string, unknown>;
  /** How far the auth service's clock is ahead of ours, in milliseconds. */
  authAheadMs?: number;
  /** Goes through the real address of the auth service, answered by the double. */
  byRegion?: boolean;
  known?: KnownIdentity;
}

async function setUp(options: Options = {}) {
  const clock = createImpatientClock();
  const metadata = createMetadataServiceDouble(identity);
  const auth = createAuthServiceDouble({
    nowMs: () => clock.wallMs() + (options.authAheadMs ?? 0),
    ...(options.alterClaims && { alterClaims: options.alterClaims }),
  });
  const metadataServer = await startMswServer(...(options.metadata ?? []), ...metadata.handlers);
  const authServer = await startMswServer(...(options.auth ?? []), auth.handler);
  const dispatcher = new Agent();
  onTestFinished(async () => {
    await dispatcher.destroy();
    await metadataServer.close();
    await authServer.close();
  });
  const send = createSendRequest({ dispatcher, clock, totalMs: 10_000 });
  const events: IdentityEvent[] = [];
  const authUrls: string[] = [];
  const sendAuth: SendRequest = (request) => {
    authUrls.push(request.url.href);
    return send({ ...request, url: new URL(request.url.pathname, authServer.baseUrl) });
  };
  const principal = createInstancePrincipal(
    {
      metadata: { baseUrl: new URL("/opc/v2", metadataServer.baseUrl).href },
      auth: { endpoint: options.byRegion ? undefined : authServer.baseUrl.href },
    },
    { clock, environment: {}, random: () => 0, sendMetadata: send, sendAuth, onEvent: (event) => events.push(event) },
  );
  if (options.known) principal.resume?.(options.known);
  return { principal, clock, metadata, auth, metadataServer, authServer, events, authUrls };
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

async function failureOf(principal: IdentityProvider): Promise<IdentityError> {
  const error = await principal.session(forever).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(IdentityError);
  return error as IdentityError;
}

test("InstancePrincipal.session gets a session for its own key, from four metadata requests and one federation", async () => {
  const { principal, clock, auth, metadataServer, authServer, authUrls } = await setUp({ byRegion: true });
  const beforeMs = clock.monotonicMs();

  const [region, { value: session, obtainedAtMs, expiresAtMs }] = await Promise.all([
    principal.region(forever),
    principal.session(forever),
  ]);

  expect(region.id).toBe("us-ashburn-1");
  expect(auth.refusals).toEqual([]);
  expect(authUrls).toEqual(["https://auth.us-ashburn-1.oraclecloud.com/v1/x509"]);
  expect(session.keyId.reveal()).toBe(`ST$${auth.tokens[0]}`);
  expect(session.tenancyId).toBe("ocid1.tenancy.oc1..a");
  expect(modulusInToken(session)).toBe(modulusOfKey(session));
  expect(obtainedAtMs).toBeGreaterThanOrEqual(beforeMs);
  expect(expiresAtMs - obtainedAtMs).toBeGreaterThan(1_190_000);
  expect(metadataServer.requests.map(({ target }) => target.replace("/opc/v2", ""))).toEqual([
    "/instance/regionInfo",
    "/identity/cert.pem",
    "/identity/key.pem",
    "/identity/intermediate.pem",
  ]);
  expect(authServer.requests).toHaveLength(1);
});

test("InstancePrincipal.region is asked for once in the life of the process", async () => {
  const { principal, metadataServer } = await setUp();

  await Promise.all([principal.region(forever), principal.region(forever)]);
  await principal.region(forever);

  expect(metadataServer.requests).toHaveLength(1);
});

test("InstancePrincipal.region asks again after a failure", async () => {
  const { principal } = await setUp({
    metadata: [http.get("*/regionInfo", () => new HttpResponse("no", { status: 403 }), { once: true })],
  });

  await expect(principal.region(forever)).rejects.toMatchObject({ code: "metadata-refused" });
  await expect(principal.region(forever)).resolves.toMatchObject({ key: "iad" });
});

test("InstancePrincipal.session accepts the older form of a key and of a tenancy", async () => {
  const { principal, metadata, auth } = await setUp();
  const old = authority.issue({
    tenancyId: "ocidv1:tenancy:oc1:phx:1460406592660:old",
    tenancyAttribute: "opc-identity",
    notBeforeMs: Date.now() - DAY_MS,
    notAfterMs: Date.now() + DAY_MS,
  });
  metadata.identity = { ...old, keyPem: old.keyPkcs1Pem };

  const { value } = await principal.session(forever);

  expect(value.tenancyId).toBe("ocidv1:tenancy:oc1:phx:1460406592660:old");
  expect(auth.refusals).toEqual([]);
});

test("InstancePrincipal.session may run ten times at once: ten sessions, each whole, without a timer, a print or a blocking key", async () => {
  const { principal, auth } = await setUp();
  const spies = [
    vi.spyOn(globalThis, "setInterval"),
    vi.spyOn(process.stdout, "write"),
    vi.spyOn(crypto, "generateKeyPairSync"),
  ];
  onTestFinished(() => void vi.restoreAllMocks());

  const sessions = await Promise.all(Array.from({ length: 10 }, () => principal.session(forever)));

  expect(new Set(sessions.map(({ value }) => value.keyId.reveal())).size).toBe(10);
  for (const { value } of sessions) expect(modulusInToken(value)).toBe(modulusOfKey(value));
  for (const spy of spies) expect(spy).not.toHaveBeenCalled();
  expect(auth.refusals).toEqual([]);
});

test("InstancePrincipal.session counts a life from the server's date, not from ours", async () => {
  const { principal } = await setUp({ authAheadMs: 200_000 });

  const { obtainedAtMs, expiresAtMs } = await principal.session(forever);

  expect(expiresAtMs - obtainedAtMs).toBeGreaterThan(1_190_000);
  expect(expiresAtMs - obtainedAtMs).toBeLessThanOrEqual(1_200_000);
});

test("InstancePrincipal.session reads the certificate again when the key is already the next one's", async () => {
  let reads = 0;
  const { principal, metadata, metadataServer, authServer } = await setUp({
    metadata: [http.get("*/cert.pem", () => HttpResponse.text((++reads === 1 ? identity : rotated).certificatePem))],
  });
  metadata.identity = rotated;

  await principal.session(forever);

  expect(metadataServer.requests).toHaveLength(6);
  expect(authServer.requests).toHaveLength(1);
});

test("InstancePrincipal.session reads the certificate again after a 401, once", async () => {
  const { principal, metadata, metadataServer, authServer, events } = await setUp({
    auth: onFederation(() => {
      metadata.identity = rotated;
      return new HttpResponse("no", { status: 401 });
    }),
  });

  await principal.session(forever);

  expect(metadataServer.requests).toHaveLength(6);
  expect(authServer.requests).toHaveLength(2);
  expect(events).toContainEqual({ type: "retry", code: "federation-unauthorized", delayMs: 0 });
});

test("InstancePrincipal.session tells a wrong clock from a wrong certificate", async () => {
  const { principal, authServer, auth } = await setUp({ authAheadMs: 400_000 });

  await expect(principal.session(forever)).rejects.toMatchObject({ code: "clock-skew", retryable: true });
  expect(auth.refusals).toEqual(["date"]);
  expect(authServer.requests).toHaveLength(1);
});

test("InstancePrincipal.session never hands out a session of another tenancy", async () => {
  const { principal, metadata, authServer } = await setUp();
  const { value: first } = await principal.session(forever);
  metadata.identity = moved;

  await expect(principal.session(forever)).rejects.toMatchObject({ code: "tenancy-changed", retryable: false });
  expect(authServer.requests).toHaveLength(1);
  expect(first.tenancyId).toBe("ocid1.tenancy.oc1..a");
});

test("InstancePrincipal.session holds on to the tenancy that an earlier process knew", async () => {
  const { principal, authServer } = await setUp({ known: { tenancyId: "ocid1.tenancy.oc1..b" } });
  await expect(principal.session(forever)).rejects.toMatchObject({ code: "tenancy-changed" });
  expect(authServer.requests).toHaveLength(0);
});

test("InstancePrincipal.region asks nobody for a region that an earlier process knew", async () => {
  const region = { id: "uk-london-1", key: "lhr", realmKey: "oc1", realmDomain: "oraclecloud.com" };
  const { principal, metadataServer } = await setUp({ known: { region } });
  await expect(principal.region(forever)).resolves.toEqual(region);
  expect(metadataServer.requests).toHaveLength(0);
});

test("InstancePrincipal.session learns the tenancy from a session, not from an attempt", async () => {
  const { principal, metadata } = await setUp({
    auth: onFederation(() => new HttpResponse("down", { status: 500 })),
  });
  await expect(principal.session(forever)).rejects.toMatchObject({ code: "federation-unavailable" });
  metadata.identity = moved;

  await expect(principal.session(forever)).resolves.toMatchObject({ value: { tenancyId: "ocid1.tenancy.oc1..b" } });
});

test("InstancePrincipal.session takes no second tenancy from a fetch that ran beside the first", async () => {
  const { principal, metadata, authServer } = await setUp();
  const [beside] = onFederation(async () => {
    metadata.identity = moved;
    await principal.session(forever);
  });
  authServer.use(beside);

  await expect(principal.session(forever)).rejects.toMatchObject({ code: "tenancy-changed" });
  expect(authServer.requests).toHaveLength(2);
});

test.each([
  [429, { "Retry-After": "7" }, "federation-throttled", true, 7_000],
  [503, { "Retry-After": "2" }, "federation-unavailable", true, 2_000],
  [500, {}, "federation-unavailable", true, undefined],
  [400, {}, "federation-refused", false, undefined],
  [302, { Location: "http://127.0.0.1:1/" }, "federation-refused", false, undefined],
] as const)(
  "InstancePrincipal.session asks once when answered %i",
  async (status, headers, code, retryable, retryAfterMs) => {
    const { principal, authServer } = await setUp({
      auth: onFederation(() => new HttpResponse("<html>", { status, headers: { ...headers } })),
    });

    const message = expect.stringMatching(`\\(status ${status}\\)$`);
    expect(await failureOf(principal)).toMatchObject({ code, retryable, retryAfterMs, message });
    expect(authServer.requests).toHaveLength(1);
  },
);

test("InstancePrincipal.session stops when its caller gives up", async () => {
  const { principal, authServer } = await setUp({
    auth: onFederation(() => new Promise<never>(() => undefined)),
  });
  const giveUp = new AbortController();

  const fetch = principal.session(giveUp.signal);
  fetch.catch(() => undefined);
  await expect.poll(() => authServer.requests.length, { timeout: 30_000 }).toBe(1);
  giveUp.abort();

  await expect(fetch).rejects.toMatchObject({ code: "aborted" });
});

const foreign = crypto.generateKeyPairSync("rsa", { modulusLength: 2_048 }).publicKey.export({ format: "jwk" });
const answering = (text: string): Options => ({ auth: onFederation(() => HttpResponse.text(text)) });
const claiming = (alterClaims: NonNullable<Options["alterClaims"]>): Options => ({ alterClaims });

test.each<[what: string, code: string, options: Options]>([
  ["HTML", "federation-invalid", answering("<html>hello</html>")],
  ["JSON without a token", "federation-invalid", answering('{"access_token":"a.b.c"}')],
  ["a token that is no JWT", "federation-invalid", answering('{"token":"abc"}')],
  ["a token whose claims are no JSON", "federation-invalid", answering('{"token":"aaaa.bbbb.cccc"}')],
  ["a token that is over", "federation-invalid", claiming((claims) => ({ ...claims, exp: claims["iat"] }))],
  ["a token without an end", "federation-invalid", claiming(({ exp: _, ...claims }) => claims)],
  ["a token without a key", "federation-invalid", claiming(({ jwk: _, ...claims }) => claims)],
  ["a token with a broken key", "federation-invalid", claiming((claims) => ({ ...claims, jwk: "{" }))],
  [
    "a token for another key",
    "token-key-mismatch",
    claiming((claims) => ({ ...claims, jwk: JSON.stringify(foreign) })),
  ],
])("InstancePrincipal.session refuses %s", async (_, code, options) => {
  const { principal } = await setUp(options);

  expect(await failureOf(principal)).toMatchObject({ code, retryable: true });
});

test("InstancePrincipal.session reads a key written with a leading zero, and as an object", async () => {
  const { principal } = await setUp({
    alterClaims: (claims) => {
      const jwk = JSON.parse(String(claims["jwk"]));
      const n = Buffer.concat([Buffer.from([0]), Buffer.from(jwk.n, "base64url")]).toString("base64url");
      return { ...claims, jwk: { ...jwk, n } };
    },
  });

  await expect(principal.session(forever)).resolves.toBeDefined();
});

test.each([
  ["are not there yet", undefined, "identity-not-ready", 1],
  ["are web pages", { certificatePem: "<html>", keyPem: "<html>", intermediatePem: "<html>" }, "metadata-invalid", 9],
  ["never match", { ...identity, keyPem: rotated.keyPem }, "certificate-mismatch", 9],
  ["are over", issue("ocid1.tenancy.oc1..a", -2 * DAY_MS, -DAY_MS), "certificate-expired", 9],
  ["have not begun", issue("ocid1.tenancy.oc1..a", DAY_MS, 2 * DAY_MS), "certificate-expired", 9],
  ["name no tenancy", issue(""), "certificate-invalid", 9],
  ["have a broken certificate", { ...identity, certificatePem: broken("CERTIFICATE") }, "certificate-invalid", 9],
  ["have a broken key", { ...identity, keyPem: broken("PRIVATE KEY") }, "certificate-invalid", 9],
  ["have a page for a key", { ...identity, keyPem: "<html>" }, "metadata-invalid", 9],
  ["have a key that is not RSA", { ...identity, keyPem: ellipticKey() }, "certificate-invalid", 9],
] as const)("InstancePrincipal.session reports documents that %s", async (_, documents, code, requests) => {
  const { principal, metadata, metadataServer, authServer } = await setUp();
  metadata.identity = documents && { ...identity, ...documents };

  expect(await failureOf(principal)).toMatchObject({ code, retryable: true });
  expect(metadataServer.requests).toHaveLength(requests);
  expect(authServer.requests).toEqual([]);
});

test("InstancePrincipal.session sees a wrong clock in the metadata service's date", async () => {
  const { principal, clock } = await setUp({
    metadata: [
      http.get("*/cert.pem", () =>
        HttpResponse.text(identity.certificatePem, { headers: { Date: new Date().toUTCString() } }),
      ),
    ],
  });
  clock.jumpWall(-3 * DAY_MS);

  expect(await failureOf(principal)).toMatchObject({ code: "clock-skew" });
});

test("InstancePrincipal.session leaves a chain that does not fit to the auth service's judgement", async () => {
  const { principal, metadata, metadataServer, authServer, auth } = await setUp();
  metadata.identity = { ...identity, intermediatePem: rotated.certificatePem };

  expect(await failureOf(principal)).toMatchObject({ code: "federation-unauthorized" });
  expect(auth.refusals).toEqual(["chain", "chain"]);
  expect(metadataServer.requests).toHaveLength(18);
  expect(authServer.requests).toHaveLength(2);
});

test("InstancePrincipal.session sends every intermediate there is", async () => {
  const { principal, metadata, auth } = await setUp();
  metadata.identity = { ...identity, intermediatePem: rotated.certificatePem + identity.intermediatePem };

  await principal.session(forever);

  expect(auth.refusals).toEqual([]);
});

test("InstancePrincipal.session puts no token, key or certificate into errors or events", async () => {
  const tokens: string[] = [];
  const echo = (status: number): Options => {
    const resolver: Parameters<typeof onFederation>[0] = async ({ request }) =>
      new HttpResponse(`${await request.text()}${Object.fromEntries(request.headers)["authorization"]}`, { status });
    // Twice, because a 401 is followed by another request.
    return { auth: [...onFederation(resolver), ...onFederation(resolver)] };
  };
  const cases: [Options, Partial<InstanceIdentity>?][] = [
    [echo(200)],
    [echo(400)],
    [echo(401)],
    [echo(429)],
    [echo(500)],
    [{ auth: onFederation(() => HttpResponse.error()) }],
    [claiming((claims) => ({ ...claims, jwk: JSON.stringify(foreign) }))],
    [claiming(({ exp: _, ...claims }) => claims)],
    [{}, { keyPem: rotated.keyPem }],
    [{}, { keyPem: identity.keyPem.replaceAll("A", "B") }],
    [{}, { certificatePem: identity.certificatePem.replaceAll("A", "B") }],
    [{ metadata: [http.get("*/intermediate.pem", () => HttpResponse.text(identity.keyPem))] }],
    [
      {
        metadata: [
          http.get(
            "*/cert.pem",
            () => new HttpResponse(identity.keyPem, { status: 429, headers: { "Retry-After": "9" } }),
          ),
        ],
      },
    ],
  ];

  const seen: string[] = [];
  for (const [options, documents] of cases) {
    const { principal, metadata, events, auth } = await setUp(options);
    metadata.identity = { ...identity, ...documents };
    const error = await failureOf(principal);
    seen.push(everythingOf(error), inspect(events));
    tokens.push(...auth.tokens);
  }

  const canaries = [identity, rotated].flatMap((documents) => Object.values(documents)).flatMap(bodyLines);
  for (const canary of [...canaries, ...tokens.flatMap((token) => token.split("."))]) {
    expect(seen.join("\n").includes(canary)).toBe(false);
  }
});

function everythingOf(error: unknown): string {
  const chain: unknown[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause)
    chain.push(at.message, at.stack, JSON.stringify(at));
  return `${chain.join("\n")}\n${inspect(error, { depth: 20, showHidden: true, maxStringLength: null })}`;
}

function bodyLines(pem: string): string[] {
  return pem.split("\n").filter((line) => line.length === 64);
}

function broken(kind: string): string {
  return `-----BEGIN ${kind}-----\nQUJD\n-----END ${kind}-----\n`;
}

function ellipticKey(): string {
  const { privateKey } = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}
