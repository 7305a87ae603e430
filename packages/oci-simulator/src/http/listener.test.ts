import { Agent, get } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { send } from "../../test/raw-client.ts";
import { sharedSimulator } from "../for-tests.ts";
import { startSimulator } from "../index.ts";
import { parseAddress } from "./listener.ts";

const simulator = await sharedSimulator();

describe("parseAddress", () => {
  test.each([
    ["127.0.0.1:80", "127.0.0.1", 80],
    ["[::1]:0", "::1", 0],
    ["[fe80::1%eth0]:65535", "fe80::1%eth0", 65_535],
    ["localhost:18080", "localhost", 18_080],
  ])("takes %s", (address, host, port) => {
    expect(parseAddress(address)).toEqual({ host, port });
  });

  test.each(["", "127.0.0.1", ":80", "::1:80", "[::1]", "127.0.0.1:65536", "http://127.0.0.1:80"])(
    "refuses %j",
    (address) => {
      expect(() => parseAddress(address)).toThrow("not an address with a port");
    },
  );
});

describe("a listener", () => {
  test("answers several requests on one connection", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    for (let asked = 0; asked < 3; asked++) {
      const { promise, resolve } = Promise.withResolvers<string>();
      get(new URL("/healthz", simulator.controlUrl), { agent }, (response) => {
        ports.add(response.socket.localPort);
        resolve(text(response));
      });
      expect(await promise).toBe('{"status":"ok"}');
    }
    agent.destroy();
    expect(ports.size).toBe(1);
  });

  test("closes after one answer for a client that asks so, and for HTTP/1.0", async () => {
    expect(await send(simulator.controlUrl, { target: "/healthz" })).toMatchObject({ status: 200, ending: "end" });
    const old = { target: "/healthz", version: "1.0", headers: { connection: undefined } } as const;
    expect(await send(simulator.controlUrl, old)).toMatchObject({ status: 200, ending: "end" });
  });

  test.each<[string, Record<string, string | string[] | undefined>]>([
    ["no Host", { host: undefined }],
    ["two Hosts", { host: ["a", "b"] }],
    ["a Host that is none", { host: 'a"b' }],
  ])("refuses HTTP/1.1 with %s", async (_, headers) => {
    expect((await send(simulator.registryUrl, { target: "/v2/", headers })).status).toBe(400);
  });

  test("refuses a body of more than 1 MiB, and goes on when a client leaves in the middle of one", async () => {
    const body = "x".repeat(1_048_577);
    const headers = { "content-length": String(body.length) };
    expect((await send(simulator.authUrl, { method: "POST", target: "/v1/x509", headers, body })).status).toBe(400);
    const socket = connect(Number(simulator.authUrl.port), "127.0.0.1");
    await new Promise((resolve) =>
      socket.write("POST /v1/x509 HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx", resolve),
    );
    socket.destroy();
    expect((await send(simulator.controlUrl, { target: "/healthz" })).status).toBe(200);
  });

  test("says what is wrong where it cannot listen, and leaves nothing open", async () => {
    const taken = simulator.controlUrl.host;
    await expect(startSimulator({ control: taken })).rejects.toMatchObject({ code: "EADDRINUSE" });
    await expect(startSimulator({ auth: "here" })).rejects.toThrow("not an address with a port: here");
  });

  test("carries 200 requests at once", async () => {
    const headers = { authorization: "Bearer Oracle" };
    const ask = () => send(simulator.metadataUrl, { target: "/opc/v2/instance/region", headers });
    const answers = await Promise.all(Array.from({ length: 200 }, ask));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
  });
});
