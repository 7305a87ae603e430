import { createServer, type RequestListener } from "node:http";
import { text } from "node:stream/consumers";
import { inspect } from "node:util";
import { Agent, type Dispatcher, errors } from "undici";
import { describe, expect, onTestFinished, test } from "vitest";
import { listen } from "../test/listening-server.ts";
import { type Clock, createSystemClock } from "./time/clock.ts";
import { createSendRequest, MAX_BODY_BYTES, UpstreamError, type UpstreamRequest } from "./upstream.ts";

let nowMs = 100;
const clock: Clock = { monotonicMs: () => nowMs++, wallMs: () => 0, setTimer: createSystemClock().setTimer };

async function startServer(listener: RequestListener): Promise<URL> {
  const { port } = await listen(createServer(listener));
  return new URL(`http://127.0.0.1:${port}/path?query=1`);
}

function sender(options: { dispatcher?: Dispatcher; totalMs?: number } = {}) {
  const { dispatcher = new Agent(), totalMs = 20_000 } = options;
  onTestFinished(() => dispatcher.destroy());
  const send = createSendRequest({ dispatcher, clock, totalMs });
  return (request: Partial<UpstreamRequest> & { url: URL }) =>
    send({ method: "GET", headers: {}, signal: new AbortController().signal, ...request });
}

function failingWith(error: Error): Dispatcher {
  const dispatch = () => {
    throw error;
  };
  return Object.assign(new Agent(), { dispatch });
}

const withCode = (code: string): Error => Object.assign(new Error("canary"), { code });

describe("createSendRequest", () => {
  test("sends the given request and returns the whole response", async () => {
    const url = await startServer(async (request, response) => {
      response.setHeader("Date", "Thu, 01 Jan 2026 00:00:00 GMT");
      response.setHeader("X-Twice", ["first", "second"]);
      response
        .writeHead(418)
        .end(`${request.method} ${request.url} ${request.headers["x-name"]} ${await text(request)}`);
    });
    nowMs = 100;
    const response = await sender()({ url, method: "POST", headers: { "x-name": "value" }, body: "hello" });
    expect(response).toMatchObject({
      status: 418,
      headers: { "x-twice": "first" },
      sentAtMs: 100,
      serverDateMs: Date.parse("2026-01-01T00:00:00Z"),
    });
    expect(response.body.toString()).toBe("POST /path?query=1 value hello");
  });

  test.each([
    ["no Date", undefined],
    ["an invalid Date", "soon"],
    ["a Date that is a number", "5"],
  ])("returns no server time for %s", async (_what, date) => {
    const url = await startServer((_request, response) => {
      response.sendDate = false;
      if (date !== undefined) response.setHeader("Date", date);
      response.end();
    });
    expect(await sender()({ url })).toMatchObject({ serverDateMs: undefined, body: Buffer.alloc(0) });
  });

  test("accepts a HEAD response with a Content-Length", async () => {
    const url = await startServer((_request, response) => void response.setHeader("Content-Length", "99999").end());
    expect(await sender()({ url, method: "HEAD" })).toMatchObject({ status: 200, body: Buffer.alloc(0) });
  });

  test("accepts a body of the largest size and refuses one byte more, with and without Content-Length", async () => {
    const url = await startServer((request, response) => {
      if (request.headers["x-announced"]) response.setHeader("Content-Length", request.headers["x-bytes"] ?? "");
      response.end("x".repeat(Number(request.headers["x-bytes"])));
    });
    const send = sender();
    expect((await send({ url, headers: { "x-bytes": `${MAX_BODY_BYTES}` } })).body).toHaveLength(MAX_BODY_BYTES);
    const refusal = { code: "upstream-response-too-large", retryable: true };
    for (const announced of ["", "yes"]) {
      const headers = { "x-bytes": `${MAX_BODY_BYTES + 1}`, "x-announced": announced };
      await expect(send({ url, headers })).rejects.toMatchObject(refusal);
    }
  });

  test("times out after totalMs, even while bytes arrive slowly", async () => {
    const url = await startServer((_request, response) => {
      const trickle = setInterval(() => response.write("x"), 5);
      response.on("close", () => clearInterval(trickle));
    });
    await expect(sender({ totalMs: 60 })({ url })).rejects.toMatchObject({ code: "timeout" });
  });

  test("rejects when its caller aborts, before and during the request", async () => {
    const controller = new AbortController();
    const url = await startServer(() => controller.abort());
    const send = sender();
    await expect(send({ url, signal: controller.signal })).rejects.toMatchObject({ code: "aborted" });
    await expect(send({ url, signal: controller.signal })).rejects.toMatchObject({ code: "aborted" });
  });

  test.each<[string, RequestListener]>([
    ["before the response", (request) => void request.socket.destroy()],
    [
      "in the middle of a body",
      (request, response) => {
        response.writeHead(200, { "content-length": "100" });
        response.write("half", () => request.socket.destroy());
      },
    ],
  ])("reports connection-broken if the connection breaks %s", async (_when, listener) => {
    const url = await startServer(listener);
    await expect(sender()({ url })).rejects.toMatchObject({ code: "connection-broken" });
  });

  test("keeps received bytes out of the errors it throws", async () => {
    const url = await startServer(({ socket }) => void socket.end("HTTP/1.1 200 OK\r\nbad header\r\n\r\ntoken-canary"));
    const error = await sender()({ url }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "connection-broken",
      cause: { message: expect.stringContaining("HTTP/1.1 protocol") },
    });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("token-canary");
  });

  test.each<[string, string]>([
    ["http://localhost:1/", "refused"],
    ["http://127.0.0.1:1/", "refused"],
    ["http://255.255.255.255/", "unreachable"],
  ])("reports the failure of %s as %s", async (url, code) => {
    await expect(sender()({ url: new URL(url) })).rejects.toMatchObject({ name: "UpstreamError", code });
  });

  test.each<[string, Error]>([
    ["timeout", new errors.ConnectTimeoutError()],
    ["timeout", new errors.HeadersTimeoutError()],
    ["timeout", new errors.BodyTimeoutError()],
    ["timeout", withCode("ETIMEDOUT")],
    ["connection-broken", new errors.SocketError("canary")],
    ["connection-broken", withCode("EPIPE")],
    ["connection-broken", withCode("UND_ERR_PRX_CONN")],
    ["proxy-refused", new errors.RequestAbortedError("Proxy response (407) !== 200 when HTTP Tunneling")],
    ["name-not-found", withCode("ENOTFOUND")],
    ["name-not-resolved", withCode("EAI_AGAIN")],
    ["refused", new AggregateError([withCode("ECONNREFUSED"), withCode("ENETUNREACH")])],
    ["tls", withCode("UND_ERR_PRX_TLS")],
    ["tls", withCode("EPROTO")],
    ["tls", withCode("ERR_SSL_WRONG_VERSION_NUMBER")],
    ["tls", withCode("ERR_TLS_CERT_ALTNAME_INVALID")],
    ["tls", withCode("UNABLE_TO_VERIFY_LEAF_SIGNATURE")],
    ["tls", withCode("CERT_HAS_EXPIRED")],
    ["tls", withCode("INVALID_CA")],
    ["unreachable", withCode("EHOSTUNREACH")],
    ["unreachable", new Error("canary")],
    ["unreachable", new AggregateError([])],
  ])("reports %s for %o, as retryable except an unknown name", async (code, thrown) => {
    const failed: unknown = await sender({ dispatcher: failingWith(thrown) })({
      url: new URL("https://iad.ocir.io:444/canary"),
    }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(UpstreamError);
    expect(failed).toMatchObject({
      code,
      retryable: code !== "name-not-found",
      message: `iad.ocir.io:444: ${code}`,
      cause: thrown,
    });
  });
});
