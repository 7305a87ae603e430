import { connect } from "node:net";
import { expect, test } from "vitest";
import { send } from "../../test/raw-client.ts";
import { sharedSimulator } from "../for-tests.ts";
import { startSimulator } from "../simulator.ts";

const simulator = await sharedSimulator();

test.each<[string, Record<string, string | string[] | undefined>]>([
  ["no Host", { host: undefined }],
  ["two Hosts", { host: ["a", "b"] }],
  ["an invalid Host", { host: 'a"b' }],
])("a listener refuses a request with %s", async (_, headers) => {
  expect((await send(simulator.registryUrl, { target: "/v2/", headers })).status).toBe(400);
});

test("a listener refuses a body larger than 1 MiB, and survives a client that disconnects during one", async () => {
  const body = "x".repeat(1_048_577);
  const headers = { "content-length": String(body.length) };
  expect((await send(simulator.authUrl, { method: "POST", target: "/v1/x509", headers, body })).status).toBe(400);
  const socket = connect(Number(simulator.authUrl.port), "127.0.0.1");
  await new Promise((resolve) =>
    socket.write("POST /v1/x509 HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx", resolve),
  );
  socket.destroy();
  expect((await send(simulator.authUrl, { target: "/v1/x509" })).status).toBe(405);
});

test("a listener reports why it cannot listen", async () => {
  await expect(startSimulator({ control: simulator.controlUrl.host })).rejects.toMatchObject({ code: "EADDRINUSE" });
});
