import type { UpstreamErrorCode } from "@ocir-broker/foundation/error-codes";
import { UpstreamError, type UpstreamRequest, type UpstreamResponse } from "@ocir-broker/foundation/upstream";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { createImpatientClock } from "@ocir-broker/testkit/impatient-clock";
import { expect, test, vi } from "vitest";
import { createMetadataService, type MetadataServiceOptions } from "./metadata-service.ts";

const forever = new AbortController().signal;
const BASE = new URL("http://metadata.test/opc/v2");
const DEAD = new URL("http://dead.test/opc/v2/");

/** The response of the service, by default status 200 with `iad`, or the reason why there is none. */
type Reply = Partial<UpstreamResponse> | UpstreamErrorCode;

function setUp(
  reply: (request: UpstreamRequest, count: number) => Reply | Promise<Reply>,
  options: Partial<MetadataServiceOptions> = {},
) {
  const clock = createImpatientClock();
  const send = vi.fn(async (request: UpstreamRequest): Promise<UpstreamResponse> => {
    const replied = await reply(request, send.mock.calls.length);
    if (typeof replied === "string") throw new UpstreamError(replied, request.url.host);
    return { status: 200, headers: {}, body: Buffer.from("iad"), sentAtMs: 0, serverDateMs: undefined, ...replied };
  });
  const metadata = createMetadataService({ clock, random: () => 1, send, baseUrls: [BASE], ...options });
  const read = (signal = forever) => metadata.read(["/instance/region"], signal);
  return { metadata, read, send, clock };
}

test("MetadataService.read sends Bearer Oracle and no other header", async () => {
  const { read, send } = setUp(() => ({}));

  expect(await read()).toMatchObject([{ text: "iad" }]);
  const [url, headers] = [new URL("http://metadata.test/opc/v2/instance/region"), { authorization: "Bearer Oracle" }];
  expect(send.mock.calls).toEqual([[{ method: "GET", url, headers, signal: forever }]]);
});

test("MetadataService.read tries the next address when one does not respond, and keeps it", async () => {
  const { metadata, send } = setUp(({ url }) => (url.host === DEAD.host ? "refused" : {}), {
    baseUrls: [DEAD, BASE],
  });

  await metadata.read(["/instance/region", "/instance/region"], forever);

  expect(send.mock.calls.map(([{ url }]) => url.host)).toEqual([DEAD.host, BASE.host, BASE.host]);
});

test("MetadataService.read sends a burst of five requests, then five a second, one at a time", async () => {
  let open = 0;
  let mostOpen = 0;
  const { read, clock } = setUp(async () => {
    mostOpen = Math.max(mostOpen, ++open);
    await new Promise((resolve) => setImmediate(resolve));
    open--;
    return {};
  });
  const startedAtMs = clock.monotonicMs();
  const doneAtMs: number[] = [];

  await Promise.all(
    Array.from({ length: 8 }, async () => {
      await read();
      doneAtMs.push(clock.monotonicMs() - startedAtMs);
    }),
  );

  expect(doneAtMs).toEqual([0, 0, 0, 0, 0, 200, 400, 600]);
  expect(mostOpen).toBe(1);
});

test("MetadataService.read retries after a 429 after Retry-After and a back-off", async () => {
  const throttled = { status: 429, headers: { "retry-after": "3" } };
  const { read, clock } = setUp((_request, count) => (count === 1 ? throttled : {}));
  const startedAtMs = clock.monotonicMs();

  expect(await read()).toMatchObject([{ text: "iad" }]);
  expect(clock.monotonicMs() - startedAtMs).toBe(3_500);
});

test("MetadataService.read reports a long Retry-After to its caller without a retry", async () => {
  const { read, send } = setUp(() => ({ status: 429, headers: { "retry-after": "60" } }));

  const expected = { code: "metadata-throttled", retryable: true, retryAfterMs: 60_000 };
  await expect(read()).rejects.toMatchObject(expected);
  expect(send).toHaveBeenCalledOnce();
});

test.each<[Reply, object]>([
  [{ status: 503 }, { code: "metadata-unavailable", message: expect.stringMatching(/\(status 503\)$/) }],
  ["refused", { code: "metadata-unreachable", retryable: true, cause: expect.objectContaining({ code: "refused" }) }],
])("MetadataService.read retries %j with growing delays, with four attempts in total", async (reply, expected) => {
  const { read, send, clock } = setUp(() => reply);
  const startedAtMs = clock.monotonicMs();

  await expect(read()).rejects.toMatchObject(expected);
  expect(clock.monotonicMs() - startedAtMs).toBe(500 + 1_000 + 2_000);
  expect(send).toHaveBeenCalledTimes(4);
});

test.each<[string, path: "/identity/cert.pem" | "/instance/regionInfo", Reply, code: string, retryable: boolean]>([
  ["404 of a certificate as not ready yet", "/identity/cert.pem", { status: 404 }, "identity-not-ready", true],
  ["404 of anything else", "/instance/regionInfo", { status: 404 }, "metadata-not-found", true],
  ["403", "/instance/regionInfo", { status: 403 }, "metadata-refused", false],
  ["a redirect", "/instance/regionInfo", { status: 302 }, "metadata-refused", false],
  ["an empty success", "/instance/regionInfo", { status: 204 }, "metadata-refused", false],
  ["a body that is too large", "/instance/regionInfo", "upstream-response-too-large", "metadata-invalid", true],
])("MetadataService.read reports %s at once", async (_, path, reply, code, retryable) => {
  const { metadata, send } = setUp(() => reply);

  await expect(metadata.read([path], forever)).rejects.toMatchObject({ code, retryable });
  expect(send).toHaveBeenCalledOnce();
});

test("MetadataService.read skips a queued request when its caller gives up", async () => {
  const { read, send } = setUp(() => ({}));
  const gaveUp = new AbortController();

  const reads = Promise.allSettled([read(), read(gaveUp.signal), read()]);
  gaveUp.abort();

  expect(await reads).toMatchObject([
    { status: "fulfilled" },
    { status: "rejected", reason: { code: "aborted", retryable: true } },
    { status: "fulfilled" },
  ]);
  expect(send).toHaveBeenCalledTimes(2);
});

test("MetadataService.read aborts a request in flight when its caller gives up", async () => {
  const giveUp = new AbortController();
  const { read } = setUp(({ signal }) => {
    giveUp.abort();
    return signal.aborted ? "aborted" : {};
  });

  await expect(read(giveUp.signal)).rejects.toMatchObject({ code: "aborted" });
});

test("MetadataService.read reports the last error when its caller gives up during back-off", async () => {
  const clock = createFakeClock();
  const { read } = setUp(() => ({ status: 500 }), { clock });
  const giveUp = new AbortController();

  const ended = expect(read(giveUp.signal)).rejects.toMatchObject({ code: "metadata-unavailable" });
  await clock.untilArmed(1);
  giveUp.abort();

  await ended;
  expect(clock.armed()).toEqual([]);
});

test("MetadataService.read rethrows an error that is not an upstream error", async () => {
  const { read } = setUp(() => Promise.reject(new TypeError("bug")));

  await expect(read()).rejects.toThrow(TypeError);
});

test("MetadataService.read stops retrying a hanging service before its callers give up", async () => {
  const clock = createFakeClock();
  const hanging = () => new Promise<Reply>((resolve) => void clock.setTimer(() => resolve("timeout"), 8_000));
  const { read, send } = setUp(hanging, { clock });
  const ended = expect(read()).rejects.toMatchObject({ code: "metadata-unreachable" });

  await clock.advance(8_000);
  await ended;
  expect(send).toHaveBeenCalledOnce();
});
