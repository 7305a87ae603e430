import { createSendRequest, type SendRequest, UpstreamError } from "@ocir-broker/foundation";
import {
  createFakeClock,
  createImpatientClock,
  createMetadataServiceDouble,
  type MswServer,
  startMswServer,
} from "@ocir-broker/testkit";
import { HttpResponse, http, type RequestHandler } from "msw";
import { Agent } from "undici";
import { expect, onTestFinished, test } from "vitest";
import type { IdentityEvent } from "../identity-event.ts";
import { createMetadataService, type MetadataServiceOptions } from "./metadata-service.ts";

const forever = new AbortController().signal;
const NOWHERE = new URL("http://192.0.2.1/opc/v2");

async function serve(...handlers: RequestHandler[]): Promise<MswServer> {
  const server = await startMswServer(...handlers, ...createMetadataServiceDouble().handlers);
  onTestFinished(server.close);
  return server;
}

function setUp(baseUrls: readonly URL[], options: Partial<MetadataServiceOptions> = {}) {
  const clock = createImpatientClock();
  const dispatcher = new Agent();
  onTestFinished(() => dispatcher.destroy());
  const send = createSendRequest({ dispatcher, clock: createImpatientClock(), totalMs: 10_000 });
  const events: IdentityEvent[] = [];
  const onEvent = (event: IdentityEvent) => void events.push(event);
  const metadata = createMetadataService({ clock, random: () => 1, send, baseUrls, onEvent, ...options });
  const read = (path: "/instance/region" | "/instance/regionInfo" | "/identity/cert.pem" = "/instance/region") =>
    metadata.read([path], forever);
  return { metadata, read, events, clock };
}

async function setUpWith(...handlers: RequestHandler[]) {
  const server = await serve(...handlers);
  return { server, ...setUp([baseOf(server)]) };
}

const baseOf = (server: MswServer) => new URL("/opc/v2", server.baseUrl);

/** A loopback port where nobody listens: the server that had it is gone. */
async function deadBase(): Promise<URL> {
  const server = await startMswServer();
  await server.close();
  return baseOf(server);
}

test("MetadataService.read asks with Bearer Oracle and no header that tells of a proxy", async () => {
  const { server, read } = await setUpWith();

  expect(await read()).toMatchObject([{ text: "iad" }]);
  expect(server.requests).toMatchObject([{ method: "GET", target: "/opc/v2/instance/region" }]);
  expect(Object.keys(server.requests[0]?.headers ?? {}).sort()).toEqual(["authorization", "connection", "host"]);
});

test("MetadataService.read takes the next address when one does not answer, and keeps it", async () => {
  const { metadata, events } = setUp([await deadBase(), baseOf(await serve())]);

  await metadata.read(["/instance/region", "/instance/region"], forever);

  expect(events).toMatchObject([{ outcome: "refused" }, { outcome: 200 }, { outcome: 200 }]);
});

test("MetadataService.read gives up on addresses that do not answer after four tries", async () => {
  const { read, events } = setUp([await deadBase()]);

  await expect(read()).rejects.toMatchObject({
    code: "metadata-unreachable",
    retryable: true,
    cause: { code: "refused" },
  });
  expect(events.filter(({ type }) => type === "request")).toHaveLength(4);
});

test("MetadataService.read asks five at once, then five a second, one at a time", async () => {
  let open = 0;
  let mostOpen = 0;
  const { read, clock } = await setUpWith(
    http.get("*/instance/region", async () => {
      mostOpen = Math.max(mostOpen, ++open);
      await new Promise((resolve) => setImmediate(resolve));
      open--;
      return HttpResponse.text("iad");
    }),
  );
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

test("MetadataService.read waits out a 429 as long as Retry-After says and tries again", async () => {
  const throttled = () => HttpResponse.html("<h1>429</h1>", { status: 429, headers: { "Retry-After": "3" } });
  const { read, events } = await setUpWith(http.get("*/instance/region", throttled, { once: true }));

  expect(await read()).toMatchObject([{ text: "iad" }]);
  expect(events.filter(({ type }) => type === "retry")).toEqual([
    { type: "retry", code: "metadata-throttled", delayMs: 3_000 },
  ]);
});

test("MetadataService.read backs off from 5xx with growing delays, four tries in all", async () => {
  const { server, read, events } = await setUpWith(
    http.get("*/instance/region", () => HttpResponse.html("<h1>down</h1>", { status: 503 })),
  );

  await expect(read()).rejects.toMatchObject({
    code: "metadata-unavailable",
    message: expect.stringMatching(/\(status 503\)$/),
    retryAfterMs: undefined,
  });
  expect(events.flatMap((event) => (event.type === "retry" ? [event.delayMs] : []))).toEqual([500, 1_000, 2_000]);
  expect(server.requests).toHaveLength(4);
});

test("MetadataService.read leaves a long Retry-After to its caller", async () => {
  const { server, read } = await setUpWith(
    http.get("*/instance/region", () => new HttpResponse("slow", { status: 429, headers: { "Retry-After": "60" } })),
  );

  await expect(read()).rejects.toMatchObject({
    code: "metadata-throttled",
    retryable: true,
    retryAfterMs: 60_000,
  });
  expect(server.requests).toHaveLength(1);
});

test.each([
  ["404 of a certificate as not ready yet", "/identity/cert.pem", 404, "identity-not-ready", true],
  ["404 of anything else", "/instance/regionInfo", 404, "metadata-not-found", true],
  ["403", "/instance/regionInfo", 403, "metadata-refused", false],
  ["a redirect", "/instance/regionInfo", 302, "metadata-refused", false],
  ["an empty success", "/instance/regionInfo", 204, "metadata-refused", false],
] as const)("MetadataService.read reports %s, at once", async (_, path, status, code, retryable) => {
  const { server, read } = await setUpWith(http.get("*/opc/v2/*", () => new HttpResponse(null, { status })));

  await expect(read(path)).rejects.toMatchObject({ code, retryable });
  expect(server.requests).toHaveLength(1);
});

test("MetadataService.read does not take a body that is too large", async () => {
  const { read } = await setUpWith(http.get("*/instance/region", () => HttpResponse.text("x".repeat(70_000))));

  await expect(read()).rejects.toMatchObject({ code: "metadata-invalid" });
});

test("MetadataService.read passes over who gave up while waiting for a turn", async () => {
  const { server, metadata } = await setUpWith();
  const gaveUp = new AbortController();

  const reads = Promise.allSettled([
    metadata.read(["/instance/region"], forever),
    metadata.read(["/instance/region"], gaveUp.signal),
    metadata.read(["/instance/region"], forever),
  ]);
  gaveUp.abort();

  expect(await reads).toMatchObject([
    { status: "fulfilled" },
    { status: "rejected", reason: { code: "aborted", retryable: true } },
    { status: "fulfilled" },
  ]);
  expect(server.requests).toHaveLength(2);
});

test("MetadataService.read stops a request under way when its caller gives up", async () => {
  const { server, metadata } = await setUpWith(
    http.get("*/instance/region", () => new Promise<never>(() => undefined)),
  );
  const giveUp = new AbortController();

  const read = metadata.read(["/instance/region"], giveUp.signal);
  read.catch(() => undefined);
  await expect.poll(() => server.requests.length, { timeout: 30_000 }).toBe(1);
  giveUp.abort();

  await expect(read).rejects.toMatchObject({ code: "aborted" });
});

test("MetadataService.read tells what went wrong when its caller gives up during back-off", async () => {
  const server = await serve(http.get("*/instance/region", () => new HttpResponse("down", { status: 500 })));
  const clock = createFakeClock();
  const { metadata } = setUp([new URL("/opc/v2/", server.baseUrl)], { clock });
  const giveUp = new AbortController();

  const read = metadata.read(["/instance/region"], giveUp.signal);
  read.catch(() => undefined);
  await clock.untilArmed(1);
  giveUp.abort();

  await expect(read).rejects.toMatchObject({ code: "metadata-unavailable" });
  expect(clock.armed()).toEqual([]);
});

test("MetadataService.read passes on what is not an upstream's failure", async () => {
  const { read } = setUp([NOWHERE], { send: () => Promise.reject(new TypeError("bug")) });

  await expect(read()).rejects.toThrow(TypeError);
});

test("MetadataService.read of a service that hangs ends before who waits gives up", async () => {
  const clock = createFakeClock();
  let tries = 0;
  const hanging: SendRequest = ({ url }) => {
    tries++;
    const { promise, reject } = Promise.withResolvers<never>();
    clock.setTimer(() => reject(new UpstreamError("timeout", url.host)), 8_000);
    return promise;
  };
  const { read } = setUp([NOWHERE], { clock, send: hanging });
  const ended = expect(read()).rejects.toMatchObject({ code: "metadata-unreachable" });

  await clock.advance(8_000);
  await ended;
  expect(tries).toBe(1);
});
