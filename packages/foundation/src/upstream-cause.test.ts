import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { inspect } from "node:util";
import { Agent } from "undici";
import { expect, onTestFinished, test } from "vitest";
import { createSystemClock } from "./time/clock.ts";
import { createSendRequest } from "./upstream.ts";

test("createSendRequest keeps received bytes out of the errors it throws", async () => {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.end("HTTP/1.1 200 OK\r\nbad header\r\n\r\ntoken-canary");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const dispatcher = new Agent();
  onTestFinished(async () => {
    server.close();
    await dispatcher.destroy();
  });
  const send = createSendRequest({ dispatcher, clock: createSystemClock(), totalMs: 10_000 });

  const error = await send({
    method: "GET",
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
    headers: {},
    signal: new AbortController().signal,
  }).catch((thrown: unknown) => thrown);

  expect(error).toMatchObject({
    code: "connection-broken",
    cause: { message: expect.stringContaining("HTTP/1.1 protocol") },
  });
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("token-canary");
});
