import { generateKeyPairSync } from "node:crypto";
import { configSchema } from "@ocir-broker/config/schema";
import type { Expiring } from "@ocir-broker/foundation/expiring";
import { Secret } from "@ocir-broker/foundation/secret";
import { UpstreamError, type UpstreamRequest } from "@ocir-broker/foundation/upstream";
import { IdentityError } from "@ocir-broker/identity/identity-error";
import type { SigningSession } from "@ocir-broker/identity/identity-provider";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { jwtOf } from "@ocir-broker/testkit/jwt";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createCaches } from "./caches.ts";
import { SESSION } from "./session-refresh.ts";

/** On a fake clock nothing takes long: a promise that never settles fails soon. */
vi.setConfig({ testTimeout: 10_000 });

/** A real signature loads oci-common first, which the fake clock does not wait for. */
vi.mock("@ocir-broker/identity/oci-sdk/oci-sdk", async (importOriginal) => ({
  ...(await importOriginal<object>()),
  signWithSession: async ({ keyId }: SigningSession) => ({ authorization: `Signature keyId="${keyId.reveal()}"` }),
}));

const HOST = "icn.ocir.io";
const MINUTE_MS = 60_000;
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });

/** Sessions of 20 and tokens of 60 minutes, from upstreams that `cloud` controls. */
function setUp(options: { deadlineMs?: number; refusedAs?: "api-key-refused" } = {}) {
  const clock = createFakeClock();
  const cloud = { status: 200, sessionFails: false, sessionHangs: false, latencyMs: 0, hasDns: true };
  const counts = { sessions: 0, tokens: 0 };

  const provider = {
    ...(options.refusedAs && { refusedAs: options.refusedAs }),
    region: () => Promise.reject(new Error("not asked for")),
    async session(): Promise<Expiring<SigningSession>> {
      counts.sessions++;
      if (cloud.sessionHangs) await new Promise(() => {});
      if (cloud.sessionFails) throw new IdentityError("federation-unreachable", "auth.test");
      const obtainedAtMs = clock.monotonicMs();
      const value = { keyId: new Secret(`ST$session-${counts.sessions}`), privateKey };
      return { value, obtainedAtMs, expiresAtMs: obtainedAtMs + 20 * MINUTE_MS };
    },
  };
  const sessionsUsed: (string | undefined)[] = [];
  async function send(request: UpstreamRequest) {
    counts.tokens++;
    if (cloud.latencyMs > 0) await new Promise<void>((resolve) => void clock.setTimer(resolve, cloud.latencyMs));
    sessionsUsed.push(/keyId="ST\$(session-\d+)"/.exec(request.headers["authorization"] ?? "")?.[1]);
    if (!cloud.hasDns) throw new UpstreamError("name-not-resolved", request.url.host);
    return {
      status: cloud.status,
      headers: { "content-type": "application/json" },
      body: Buffer.from(
        JSON.stringify({ token: jwtOf({ sub: `ocid1.instance.${counts.tokens}` }), expires_in: 3_600 }),
      ),
      sentAtMs: clock.monotonicMs(),
      serverDateMs: clock.wallMs(),
    };
  }

  const deadlineMs = options.deadlineMs ?? 15_000;
  const config = configSchema.parse({ registries: { prefetch: [HOST] } });
  const caches = createCaches(provider, { config, clock, random: () => 0.5, deadlineMs, sendTo: () => send });
  const { sessions, tokens } = caches;
  onTestFinished(caches.close);
  const get = () => tokens.get(HOST, { waitMs: deadlineMs });
  /** The result of a refresh, or its error; the cache waits half a second between two fetches. */
  async function refresh(): Promise<unknown> {
    const error = tokens.refresh(HOST).catch((reason: unknown) => reason);
    await clock.advance(1_000);
    return error;
  }
  return { clock, cloud, counts, sessions, tokens, get, refresh, sessionsUsed };
}

describe("createTokenCache", () => {
  it("refuses a foreign host for every caller, without a session or a request", async () => {
    const { clock, counts, tokens } = setUp();
    const host = `${HOST}.example`;
    tokens.pin(host);
    for (const refused of [tokens.get(host, { waitMs: 1_000 }), tokens.refresh(host)])
      await expect(refused).rejects.toMatchObject({ code: "registry-foreign", retryable: false });
    await clock.advance(MINUTE_MS);
    expect(counts).toEqual({ sessions: 0, tokens: 0 });
  });

  it("tries a name that is not resolved as long as the request may wait", async () => {
    const { clock, cloud, counts, get, tokens } = setUp();
    await tokens.get("fra.ocir.io", { waitMs: 15_000 });
    cloud.hasDns = false;
    const failed = expect(get()).rejects.toMatchObject({ code: "name-not-resolved" });
    await clock.advance(15_000);
    await failed;
    expect(counts.tokens).toBeGreaterThan(4);
  });

  it("lets an attempt take as long as the request's deadline", async () => {
    const { get, clock, cloud, counts } = setUp({ deadlineMs: 19_000 });
    cloud.latencyMs = 18_000;
    const asked = get();
    await clock.advance(18_000);
    expect((await asked).outcome).toBe("miss");
    expect(counts.tokens).toBe(1);
  });

  it("signs with a new session, and only that one, when the registry refuses the current one", async () => {
    const { get, cloud, counts, sessionsUsed, refresh } = setUp();
    await get();
    cloud.status = 401;
    expect(await refresh()).toMatchObject({ code: "registry-unauthorized" });
    expect(counts).toEqual({ sessions: 2, tokens: 3 });
    expect(sessionsUsed).toEqual(["session-1", "session-1", "session-2"]);
  });

  it("signs with the session that was fetched while the registry refused the one before", async () => {
    const { get, cloud, clock, counts, sessions, sessionsUsed, tokens } = setUp();
    await get();
    await clock.advance(1_000);
    Object.assign(cloud, { status: 401, latencyMs: 100 });
    const refused = expect(tokens.refresh(HOST)).rejects.toMatchObject({ code: "registry-unauthorized" });
    await clock.advance(50);
    await sessions.refresh(SESSION);
    await clock.advance(1_000);
    await refused;
    expect([counts.sessions, sessionsUsed]).toEqual([2, ["session-1", "session-1", "session-2"]]);
  });

  it("creates at most one session every 30 s on average", async () => {
    const { get, cloud, clock, counts, refresh, sessions } = setUp();
    await get();
    cloud.status = 401;
    for (let attempt = 0; attempt < 20; attempt++) await refresh();
    expect(counts.sessions).toBe(3);
    await clock.advance(30_000);
    await refresh();
    expect(counts.sessions).toBe(4);
    expect(sessions.peek(SESSION)).toBeDefined();
  });

  it("keeps session and token when no better session is available", async () => {
    const { get, cloud, refresh, sessions } = setUp();
    const { entry } = await get();
    const session = sessions.peek(SESSION);
    cloud.status = 401;
    cloud.sessionFails = true;
    expect(await refresh()).toMatchObject({ code: "registry-unauthorized" });
    expect(sessions.peek(SESSION)).toBe(session);
    expect((await get()).entry).toBe(entry);
  });

  it.each([
    ["a newer session", false],
    ["no newer session", true],
  ])(
    "reports a refusal as the identity's own if the registry refuses it and there is %s",
    async (_name, sessionFails) => {
      const { get, cloud, refresh } = setUp({ refusedAs: "api-key-refused" });
      await get();
      cloud.status = 401;
      cloud.sessionFails = sessionFails;
      expect(await refresh()).toMatchObject({ code: "api-key-refused" });
    },
  );

  it("reports the session's error at the request's deadline, not a timeout", async () => {
    const { get, cloud, clock } = setUp();
    cloud.sessionFails = true;
    const error = get().catch((reason: unknown) => reason);
    await clock.advance(15_000);
    expect(await error).toMatchObject({ code: "federation-unreachable" });
  });

  it("reports the session's error at the request's deadline, also if the next attempt hangs", async () => {
    const { get, cloud, clock } = setUp();
    cloud.sessionFails = true;
    const error = get().catch((reason: unknown) => reason);
    await clock.advance(0);
    cloud.sessionHangs = true;
    await clock.advance(15_000);
    expect(await error).toMatchObject({ code: "federation-unreachable" });
  });

  it("tries another session only after a 401", async () => {
    const { get, cloud, clock, counts } = setUp();
    cloud.status = 403;
    await expect(get()).rejects.toMatchObject({ code: "registry-forbidden" });
    await clock.advance(0);
    expect(counts.sessions).toBe(1);
  });

  it.each([
    ["the first", 0],
    ["another", 1],
  ])("fetches a token as soon as there is %s session, if it failed for lack of one", async (_which, before) => {
    const { clock, cloud, counts, tokens, sessions } = setUp();
    cloud.sessionFails = before === 0;
    sessions.pin(SESSION);
    await clock.advance(1_000);
    cloud.sessionFails = true;
    await clock.advance(before * 20 * MINUTE_MS);
    tokens.pin(HOST);
    while (tokens.entries()[0]?.state !== "backing-off") await clock.advance(1_000);
    expect(counts.tokens).toBe(0);
    cloud.sessionFails = false;
    sessions.retry(() => true);
    await clock.advance(0);
    expect(counts.tokens).toBe(1);
  });
});
