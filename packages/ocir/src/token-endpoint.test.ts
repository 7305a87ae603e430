import { inspect } from "node:util";
import { createDirectDispatcher, createSendRequest, Secret } from "@ocir-broker/foundation";
import { createFakeClock, type FakeClock, type MswServer, startMswServer } from "@ocir-broker/testkit";
import { HttpResponse, http } from "msw";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fetchBearerToken } from "./token-endpoint.ts";

const TOKEN_PATH = "/20180419/docker/token";
const INSTANCE = "ocid1.instance.oc1.iad.aaaaaaaaexample";

const dispatcher = createDirectDispatcher({
  connectMs: 5_000,
  headersMs: 5_000,
  bodyMs: 5_000,
  maxConnectionsPerOrigin: 4,
});

let clock: FakeClock;
let server: MswServer;

beforeEach(async () => {
  clock = createFakeClock();
  server = await startMswServer();
});
afterEach(() => server.close());

function date(offsetMs = 0): string {
  return new Date(clock.wallMs() + offsetMs).toUTCString();
}

function jwt(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ typ: "JWT", alg: "HS256" })}.${part(claims)}.Y2FuYXJ5`;
}

function goodToken(lifeS = 3_600): string {
  return jwt({ sub: INSTANCE, exp: clock.wallMs() / 1_000 + lifeS });
}

/** The registry answers every token request with this. */
function answer(body: string | object, init: { status?: number; headers?: Record<string, string> } = {}): void {
  const headers = { date: date(), "content-type": "application/json", ...init.headers };
  server.use(
    http.get(`*${TOKEN_PATH}`, () => {
      return new HttpResponse(typeof body === "string" ? body : JSON.stringify(body), {
        status: init.status ?? 200,
        headers,
      });
    }),
  );
}

function fetchToken(endpoint = server.baseUrl): ReturnType<typeof fetchBearerToken> {
  return fetchBearerToken(
    "iad.ocir.io",
    {
      send: createSendRequest({ dispatcher, clock, totalMs: 20_000 }),
      sign: async ({ method, url }) => ({
        authorization: `Signature of ${method} ${url.host}${url.pathname}`,
        "x-date": date(),
      }),
      clock,
      endpoint,
    },
    new AbortController().signal,
  );
}

async function failure(): Promise<unknown> {
  return fetchToken().then(
    () => expect.unreachable(),
    (error: unknown) => error,
  );
}

describe("fetchBearerToken", () => {
  test("asks once, signed, and gives the token with its life from the moment of asking", async () => {
    const token = goodToken();
    answer({ token, access_token: token, scope: "", expires_in: 3_600 });
    const askedAtMs = clock.monotonicMs();
    const fetched = await fetchToken();
    expect(fetched).toEqual({ value: expect.any(Secret), obtainedAtMs: askedAtMs, expiresAtMs: askedAtMs + 3_600_000 });
    expect(fetched.value.reveal()).toBe(token);
    expect(server.requests).toMatchObject([
      {
        method: "GET",
        target: TOKEN_PATH,
        headers: {
          accept: "application/json",
          authorization: `Signature of GET ${server.baseUrl.host}${TOKEN_PATH}`,
          "x-date": date(),
        },
      },
    ]);
  });

  test.each(["application/json", "application/json;charset=UTF-8", "text/plain", ""])(
    "takes the content type %j",
    async (type) => {
      answer({ token: goodToken(), expires_in: 60 }, { headers: { "content-type": type } });
      expect(await fetchToken()).toMatchObject({ expiresAtMs: clock.monotonicMs() + 60_000 });
    },
  );

  test("holds exp against the registry's clock, whatever this node's says", async () => {
    const token = goodToken(600);
    answer({ token, expires_in: 3_600 });
    clock.jumpWall(-7_200_000);
    expect(await fetchToken()).toMatchObject({ expiresAtMs: clock.monotonicMs() + 600_000 });
    clock.jumpWall(14_400_000);
    expect(await fetchToken()).toMatchObject({ expiresAtMs: clock.monotonicMs() + 600_000 });
  });

  test("holds exp against this node's clock where the registry sends no date", async () => {
    answer({ token: goodToken(600), expires_in: 3_600 }, { headers: { date: "" } });
    clock.jumpWall(100_000);
    expect(await fetchToken()).toMatchObject({ expiresAtMs: clock.monotonicMs() + 500_000 });
  });

  test("counts a slow answer's time as lived", async () => {
    const token = goodToken(600);
    server.use(
      http.get(`*${TOKEN_PATH}`, async () => {
        await clock.advance(10_000);
        return HttpResponse.json({ token, expires_in: 600 }, { headers: { date: date() } });
      }),
    );
    const askedAtMs = clock.monotonicMs();
    expect(await fetchToken()).toMatchObject({ obtainedAtMs: askedAtMs, expiresAtMs: askedAtMs + 590_000 });
  });

  test.each<[number, string, boolean]>([
    [204, "registry-status-unexpected", true],
    [301, "registry-redirected", false],
    [302, "registry-redirected", false],
    [307, "registry-redirected", false],
    [400, "registry-refused", false],
    [401, "registry-unauthorized", true],
    [403, "registry-forbidden", false],
    [404, "registry-forbidden", false],
    [408, "registry-status-unexpected", true],
    [429, "registry-throttled", true],
    [500, "registry-unavailable", true],
    [503, "registry-unavailable", true],
  ])("classifies status %i as %s", async (status, code, retryable) => {
    const elsewhere = await startMswServer();
    answer("", { status, headers: { location: new URL("/canary", elsewhere.baseUrl).href } });
    const error = await failure();
    expect(error).toMatchObject({ name: "OcirError", code, retryable });
    expect(String(error)).toMatch(new RegExp(`^OcirError: iad\\.ocir\\.io: ${code}: .+ \\(status ${status}\\)$`));
    expect(elsewhere.requests).toEqual([]);
    expect(server.requests).toHaveLength(1);
    await elsewhere.close();
  });

  test.each<[number, string, string, number | undefined]>([
    [429, "seconds", "7", 7_000],
    [503, "seconds", "120", 120_000],
    [429, "a date", "Thu, 01 Jan 2026 00:01:00 GMT", 60_000],
    [429, "words", "soon", undefined],
    [401, "seconds, which are not for this", "7", undefined],
  ])("passes on what %i says about coming back: %s", async (status, _what, value, retryAfterMs) => {
    answer("", { status, headers: { "retry-after": value, date: "Thu, 01 Jan 2026 00:00:00 GMT" } });
    expect(await failure()).toMatchObject({ retryAfterMs });
  });

  test.each([
    [360_000, "360 s ahead"],
    [-7_200_000, "7200 s behind"],
  ])("says how far this node's clock is off when that is why: %i ms", async (aheadMs, words) => {
    answer("", { status: 401, headers: { date: date(-aheadMs) } });
    const error = await failure();
    expect(error).toMatchObject({ code: "clock-skew", retryable: true });
    expect(String(error)).toContain(`(status 401, ${words})`);
  });

  test.each(["", "nonsense"])("blames no clock where the registry sends the date «%s»", async (value) => {
    answer("", { status: 401, headers: { date: value } });
    expect(await failure()).toMatchObject({ code: "registry-unauthorized" });
  });

  test("blames no clock that is off by less than 5 minutes", async () => {
    answer("", { status: 401, headers: { date: date(-300_000) } });
    expect(await failure()).toMatchObject({ code: "registry-unauthorized" });
  });

  test.each<[string, string | object, string]>([
    ["HTML of a portal", "<html>", "text/html"],
    ["JSON that is cut off", '{"token":"canary', "application/json"],
    ["JSON without a token", { code: "canary" }, "application/json"],
  ])("takes no token from %s", async (_what, body, type) => {
    answer(body, { headers: { "content-type": type } });
    const error = await failure();
    expect(error).toMatchObject({ code: "registry-answer-invalid", retryable: true });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("canary");
  });

  test("takes no token that has ended", async () => {
    answer({ token: goodToken(0), expires_in: 3_600 });
    expect(await failure()).toMatchObject({ code: "token-expired", retryable: true });
  });

  test("recognises a token that an unsigned request would get", async () => {
    const anonymous = jwt({ sub: "anonymous", exp: clock.wallMs() / 1_000 + 3_600 });
    answer({ token: anonymous, access_token: anonymous, expires_in: 3_600 });
    const error = await failure();
    expect(error).toMatchObject({ code: "token-anonymous", retryable: false });
    expect(inspect(error, { depth: 9 })).not.toContain(anonymous);
  });

  test("reads no more than 64 KiB, and blames the answer, not the kubelet's request", async () => {
    answer({ token: goodToken(), expires_in: 3_600, padding: "x".repeat(64 * 1024) });
    expect(await failure()).toMatchObject({ name: "OcirError", code: "registry-answer-invalid" });
  });

  test("lets through what kept it from an answer", async () => {
    server.use(http.get(`*${TOKEN_PATH}`, () => HttpResponse.error()));
    expect(await failure()).toMatchObject({ name: "UpstreamError", code: "connection-broken" });
  });
});
