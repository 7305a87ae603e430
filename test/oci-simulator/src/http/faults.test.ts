import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { type RawResponse, send } from "../../test/raw-client.ts";
import { sharedSimulator } from "../for-tests.ts";
import type { Fault } from "./faults.ts";

const simulator = await sharedSimulator();

function askRegion(): Promise<RawResponse> {
  const headers = { authorization: "Bearer Oracle" };
  return send(simulator.metadataUrl, { target: "/opc/v2/instance/regionInfo", headers });
}

test("the oldest fault that matches a request applies, as often as its times says", async () => {
  simulator.faults(
    { endpoint: "auth.x509", status: 500 },
    { endpoint: "metadata.regionInfo", times: 2, status: 429 },
    { endpoint: "metadata.*", times: 1, status: 503 },
  );
  const statuses: number[] = [];
  for (let asked = 0; asked < 4; asked++) statuses.push((await askRegion()).status);
  expect(statuses).toEqual([429, 429, 503, 200]);
});

test("a fault without times lasts until it is cleared, which also ends hanging requests", async () => {
  simulator.faults({ endpoint: "*", hang: "before-headers" });
  const hanging = [askRegion(), askRegion()];
  await expect.poll(() => simulator.requests()["metadata.regionInfo"], { timeout: 30_000 }).toBe(2);
  simulator.clearFaults();
  expect((await Promise.allSettled(hanging)).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect((await askRegion()).status).toBe(200);
});

test("truncate sends half of the announced body, and closes the connection gracefully", async () => {
  simulator.faults({ endpoint: "*", truncate: true });
  const socket = connect(Number(simulator.metadataUrl.port), "127.0.0.1");
  socket.write("GET /opc/v2/ HTTP/1.1\r\nHost: a\r\n\r\n");
  // Rejects if the connection is reset.
  const [head = "", body] = (await text(socket)).split("\r\n\r\n");
  expect(body).toHaveLength(Math.floor(Number(/content-length: (\d+)/.exec(head)?.[1]) / 2));
});

test.each<[string, unknown, string]>([
  ["auth service", { code: "TooManyRequests" }, "authUrl"],
  ["registry", { errors: [{ code: "TOOMANYREQUESTS" }] }, "registryUrl"],
])("a fault with a status responds in the error format of the %s", async (_service, body, url) => {
  simulator.faults({ endpoint: "*", status: 429 });
  const response = await send(simulator[url as "authUrl"], { target: "/v2/ns/repo/manifests/1" });
  expect(response).toMatchObject({ status: 429, json: body, headers: { "opc-request-id": expect.any(String) } });
});

test.each<[unknown, string]>([
  [null, "expected object"],
  [{ endpoint: "metadata.re*", html: true }, "metadata.regionInfo"],
  [{ endpoint: ["*", "auth.x510"], html: true }, "metadata.regionInfo"],
  [{ endpoint: "*", times: 1 }, "needs something that goes wrong"],
  [{ endpoint: "*", status: undefined }, "needs something that goes wrong"],
  [{ endpoint: "*", status: "500" }, "at status"],
  [{ endpoint: "*", toString: 5 }, 'Unrecognized key: "toString"'],
])("rejects all faults when one is malformed: %j", async (fault, reason) => {
  expect(() => simulator.faults({ endpoint: "*", status: 500 }, fault as Fault)).toThrow(reason);
  expect((await askRegion()).status).toBe(200);
});
