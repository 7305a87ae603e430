import type { RequestListener } from "node:http";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { describe, expect, test } from "vitest";
import { serveOnSocket } from "../test/socket-server.ts";
import { askHealthSocket } from "./health-socket.ts";

const writeEndlessly: RequestListener = (request, response) =>
  void response.write("x".repeat(32 * 1024), (error) => error ?? writeEndlessly(request, response));

describe("askHealthSocket", () => {
  test("returns status and body", async () => {
    const path = await serveOnSocket((request, response) => response.writeHead(503).end(`at ${request.url}`));
    expect(await askHealthSocket(path, "/readyz", createFakeClock())).toEqual({
      status: 503,
      body: Buffer.from("at /readyz"),
    });
  });

  test("times out when there is no response", async () => {
    const clock = createFakeClock();
    const { promise: asked, resolve } = Promise.withResolvers<void>();
    const path = await serveOnSocket(() => resolve());
    const received = askHealthSocket(path, "/status", clock);
    await asked;
    await clock.advance(3_000);
    expect(await received).toEqual({ failure: "timeout" });
  });

  test("reports why it cannot connect", async () => {
    expect(await askHealthSocket("/no/such/socket", "/status", createFakeClock())).toEqual({ failure: "ENOENT" });
  });

  test.each<[string, RequestListener]>([
    [
      "breaks off",
      (_request, response) =>
        void response.writeHead(200, { "content-length": 9 }).write("x", () => response.destroy()),
    ],
    ["does not end", writeEndlessly],
  ])("rejects a response that %s", async (_what, listener) => {
    const received = await askHealthSocket(await serveOnSocket(listener), "/status", createFakeClock());
    expect(received).toHaveProperty("failure");
  });
});
