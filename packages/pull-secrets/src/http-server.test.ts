import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { until } from "@ocir-broker/testkit/until";
import { expect, it, onTestFinished } from "vitest";
import { startHttpServer } from "./http-server.ts";

it("is ready when it has read everything, and alive before", async () => {
  const { promise: started, resolve: start } = Promise.withResolvers<void>();
  const server = await startHttpServer(0, { started, render: async () => "ocir_pull_secrets_leader 1\n" });
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const status = async (path: string) => (await fetch(`${url}${path}`)).status;

  expect(await status("/healthz")).toBe(200);
  const response = await fetch(`${url}/readyz`);
  expect([response.status, await response.text()]).toEqual([
    503,
    "the Lease and the resources are not read yet: see the log\n",
  ]);
  start();
  await until("it is ready", async () => (await status("/readyz")) === 200);
});

it("answers with the metrics, and 404 for any other path", async () => {
  const server = await startHttpServer(0, { started: Promise.resolve(), render: async () => "metric 1\n" });
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  expect(await (await fetch(`${url}/metrics`)).text()).toBe("metric 1\n");
  expect((await fetch(`${url}/`)).status).toBe(404);
});

it("answers next to many idle connections, and closes the oldest", async () => {
  const server = await startHttpServer(0, { started: Promise.resolve(), render: async () => "" });
  const { port } = server.address() as AddressInfo;
  const idle = Array.from({ length: 300 }, () => connect(port, "127.0.0.1").on("error", () => {}));
  onTestFinished(() => {
    for (const socket of idle) socket.destroy();
    server.close();
  });
  await Promise.all(idle.slice(0, 300 - 256).map((socket) => once(socket, "close")));
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  expect(idle.at(-1)?.destroyed).toBe(false);
});
