import { inspect } from "node:util";
import { Secret } from "@ocir-broker/foundation/secret";
import {
  MAX_BODY_BYTES,
  type SendRequest,
  UpstreamError,
  type UpstreamResponse,
} from "@ocir-broker/foundation/upstream";
import { createFakeClock, type FakeClock } from "@ocir-broker/testkit/fake-clock";
import { jwtOf } from "@ocir-broker/testkit/jwt";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { MAX_TOKEN_CHARACTERS } from "./bearer-token.ts";
import { fetchBearerToken } from "./token-endpoint.ts";

const INSTANCE = "ocid1.instance.oc1.iad.aaaaaaaaexample";
const ENDPOINT = new URL("https://registry.test:8443");
const { signal } = new AbortController();
const send = vi.fn<SendRequest>();
let clock: FakeClock;

beforeEach(() => {
  clock = createFakeClock();
  send.mockReset();
});

function goodToken(lifeS = 3_600): string {
  return jwtOf({ sub: INSTANCE, exp: clock.wallMs() / 1_000 + lifeS });
}

function tokenResponse(claims: object): object {
  const token = jwtOf(claims, "canary");
  return { token, access_token: token, expires_in: 3_600 };
}

/** The registry answers with this, at its own time, which is this node's unless `rest` has another. */
function answer(body: string | object, rest: Partial<UpstreamResponse> = {}): void {
  const bytes = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  const [sentAtMs, serverDateMs] = [clock.monotonicMs(), clock.wallMs()];
  send.mockResolvedValue({ status: 200, headers: {}, body: bytes, sentAtMs, serverDateMs, ...rest });
}

function fetchToken(): ReturnType<typeof fetchBearerToken> {
  const sign = async ({ method, url }: { method: "GET"; url: URL }) => ({ authorization: `by ${method} ${url.href}` });
  return fetchBearerToken("iad.ocir.io", { send, sign, clock, endpoint: ENDPOINT }, signal);
}

async function failure(): Promise<unknown> {
  return fetchToken().then(
    () => expect.unreachable(),
    (error: unknown) => error,
  );
}

describe("fetchBearerToken", () => {
  test("sends one signed request, and counts the token's life from the time of the request", async () => {
    const token = goodToken();
    answer({ token, access_token: token, scope: "", expires_in: 3_600 });
    const askedAtMs = clock.monotonicMs();
    const fetched = await fetchToken();
    expect(fetched).toEqual({ value: expect.any(Secret), obtainedAtMs: askedAtMs, expiresAtMs: askedAtMs + 3_600_000 });
    expect(fetched.value.reveal()).toBe(token);
    const url = new URL("/20180419/docker/token", ENDPOINT);
    const headers = { accept: "application/json", authorization: `by GET ${url.href}` };
    expect(send.mock.calls).toEqual([[{ method: "GET", url, headers, signal }]]);
  });

  test("compares exp with the registry's clock, not with this node's", async () => {
    answer({ token: goodToken(600), expires_in: 3_600 });
    clock.jumpWall(-7_200_000);
    expect(await fetchToken()).toMatchObject({ expiresAtMs: clock.monotonicMs() + 600_000 });
    clock.jumpWall(14_400_000);
    expect(await fetchToken()).toMatchObject({ expiresAtMs: clock.monotonicMs() + 600_000 });
  });

  test("compares exp with this node's clock if the registry sends no date", async () => {
    answer({ token: goodToken(600), expires_in: 3_600 }, { serverDateMs: undefined });
    clock.jumpWall(100_000);
    expect(await fetchToken()).toMatchObject({ expiresAtMs: clock.monotonicMs() + 500_000 });
  });

  test("subtracts the duration of a slow response from the life", async () => {
    answer({ token: goodToken(600), expires_in: 600 }, { serverDateMs: clock.wallMs() + 10_000 });
    const askedAtMs = clock.monotonicMs();
    await clock.advance(10_000);
    expect(await fetchToken()).toMatchObject({ obtainedAtMs: askedAtMs, expiresAtMs: askedAtMs + 590_000 });
  });

  test.each<[number, string, boolean]>([
    [204, "registry-status-unexpected", true],
    [307, "registry-redirected", false],
    [400, "registry-refused", false],
    [401, "registry-unauthorized", true],
    [403, "registry-forbidden", false],
    [404, "registry-forbidden", false],
    [429, "registry-throttled", true],
    [500, "registry-unavailable", true],
    [503, "registry-unavailable", true],
  ])("classifies status %i as %s", async (status, code, retryable) => {
    answer("", { status, headers: { location: "https://elsewhere.test/" } });
    const error = await failure();
    expect(error).toMatchObject({ name: "OcirError", code, retryable });
    expect(String(error)).toMatch(new RegExp(`^OcirError: iad\\.ocir\\.io: ${code}: .+ \\(status ${status}\\)$`));
    expect(send).toHaveBeenCalledOnce();
  });

  test.each([
    ["4F1A/9B2C/0D3E", "status 503, opc-request-id 4F1A/9B2C/0D3E"],
    ["a b\u001b[2J", "status 503"],
    ["x".repeat(200), "status 503"],
  ])("names the request's id, which support asks for, unless it is %j", async (id, facts) => {
    answer("", { status: 503, headers: { "opc-request-id": id } });
    expect(String(await failure())).toContain(`(${facts})`);
  });

  test.each([
    [429, 7_000],
    [503, 7_000],
    [401, undefined],
  ])("reports the Retry-After of a %i as %s ms", async (status, retryAfterMs) => {
    answer("", { status, headers: { "retry-after": "7" } });
    expect(await failure()).toMatchObject({ retryAfterMs });
  });

  test.each([
    [360_000, "360 s ahead"],
    [-7_200_000, "7200 s behind"],
  ])("reports how far this node's clock is off if that explains a refusal: %i ms", async (aheadMs, words) => {
    answer("", { status: 401, serverDateMs: clock.wallMs() - aheadMs });
    const error = await failure();
    expect(error).toMatchObject({ code: "clock-skew", retryable: true });
    expect(String(error)).toContain(`(${words}, status 401)`);
  });

  test.each([
    ["sends no date", () => undefined],
    ["is less than 5 minutes behind", () => clock.wallMs() - 300_000],
  ])("does not blame the clock if the registry %s", async (_what, serverDateMs) => {
    answer("", { status: 401, serverDateMs: serverDateMs() });
    expect(await failure()).toMatchObject({ code: "registry-unauthorized" });
  });

  test.each<[string, (exp: number) => object | string, string, boolean]>([
    ["truncated JSON", () => '{"token":"canary', "registry-response-invalid", true],
    ["an expired token", (exp) => tokenResponse({ sub: INSTANCE, exp: exp - 3_600 }), "token-expired", true],
    ["the token of an unsigned request", (exp) => tokenResponse({ sub: "anonymous", exp }), "token-anonymous", false],
  ])("refuses %s, and shows no part of it", async (_what, respond, code, retryable) => {
    answer(respond(clock.wallMs() / 1_000 + 3_600));
    const error = await failure();
    expect(error).toMatchObject({ code, retryable });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("canary");
  });

  test("accepts the longest token of Oracle's API, sent twice, and none that is longer", async () => {
    const token = goodToken().padEnd(MAX_TOKEN_CHARACTERS, "A");
    const body = { token, access_token: token, scope: "s".repeat(1_024), expires_in: 3_600 };
    expect(JSON.stringify(body).length).toBeLessThanOrEqual(MAX_BODY_BYTES);
    answer(body);
    expect((await fetchToken()).value.reveal()).toBe(token);
    answer({ token: `${token}A`, expires_in: 3_600 });
    expect(await failure()).toMatchObject({ code: "registry-response-invalid" });
  });

  test.each([
    [
      "blames the response if it is too large",
      "upstream-response-too-large",
      { name: "OcirError", code: "registry-response-invalid" },
    ],
    ["lets through what kept it from a response", "refused", { name: "UpstreamError", code: "refused" }],
  ] as const)("%s", async (_what, cause, expected) => {
    send.mockRejectedValue(new UpstreamError(cause, "registry.test"));
    expect(await failure()).toMatchObject(expected);
  });
});
