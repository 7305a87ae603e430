/** If the auth service cannot be reached, the one error line names what blocks the path. */

import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Simulator, startSimulator } from "@ocir-broker/oci-simulator";
import { expect, it, onTestFinished } from "vitest";
import { setStageWithoutDaemon } from "./stage.ts";

/** Answers CONNECT with 403, as a proxy does for a host that is not on its list. */
async function startForbiddingProxy(): Promise<string> {
  const proxy = createServer().on("connect", (_request, client) => {
    client.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void proxy.close());
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}

async function startUntrusted(): Promise<Simulator> {
  const simulator = await startSimulator({ tls: true });
  onTestFinished(() => simulator.close());
  return simulator;
}

const OBSTACLES: readonly [what: string, code: string, change: () => object | Promise<object>][] = [
  ["its name is unknown", "federation-name-not-resolved", () => ({ auth: { endpoint: "https://auth.invalid" } })],
  [
    "nobody vouches for its certificate",
    "federation-tls",
    async () => ({ auth: { endpoint: (await startUntrusted()).authUrl.origin } }),
  ],
  [
    "the proxy does not let us through",
    "federation-proxy-refused",
    async () => ({ auth: { endpoint: "https://auth.invalid" }, proxy: { https: await startForbiddingProxy() } }),
  ],
  ["it refuses the connection", "federation-unreachable", () => ({ auth: { endpoint: "http://127.0.0.1:1" } })],
];

/** Each of them retries to its deadline, so they run at once, with a deadline that a busy machine does not reach before the first try. */
it("names what blocks the path to the auth service", async () => {
  const errors = OBSTACLES.map(async ([what, , change]) => {
    const stage = await setStageWithoutDaemon({ deadline: "10s" });
    const config = JSON.parse(readFileSync(stage.config.path, "utf8"));
    writeFileSync(stage.config.path, JSON.stringify({ ...config, ...(await change()) }));
    const { exitCode, stderr } = await stage.get(["icn.ocir.io/acme/app"]);
    return [what, exitCode, stderr];
  });
  const expected = OBSTACLES.map(([what, code]) => [
    what,
    1,
    expect.stringMatching(new RegExp(`^ocir-broker: ${code}: [ -~]+; [ -~]+\n$`)),
  ]);
  expect(await Promise.all(errors)).toEqual(expected);
});
