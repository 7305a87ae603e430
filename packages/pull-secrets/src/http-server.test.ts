import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { until } from "@ocir-broker/testkit/until";
import { expect, it, onTestFinished } from "vitest";
import { startHttpServer } from "./http-server.ts";

/** @returns its port, and a function that requests a path. */
async function serve(started: Promise<void> = Promise.resolve()) {
  const server = await startHttpServer(0, { started, render: async () => "ocir_pull_secrets_leader 1\n" });
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { port, get: (path: string) => fetch(`http://127.0.0.1:${port}${path}`) };
}

it("is ready when it has read everything, and alive before", async () => {
  const { promise: started, resolve: start } = Promise.withResolvers<void>();
  const { get } = await serve(started);
  expect((await get("/healthz")).status).toBe(200);
  const response = await get("/readyz");
  expect([response.status, await response.text()]).toEqual([
    503,
    "the Lease and the resources are not read yet: see the log\n",
  ]);
  start();
  await until("it is ready", async () => (await get("/readyz")).status === 200);
});

it("answers with the metrics, and 404 for any other path", async () => {
  const { get } = await serve();
  expect(await (await get("/metrics")).text()).toBe("ocir_pull_secrets_leader 1\n");
  expect((await get("/")).status).toBe(404);
});

it("answers next to many idle connections, and closes the oldest", async () => {
  const { port, get } = await serve();
  const idle = Array.from({ length: 300 }, () => connect(port, "127.0.0.1").on("error", () => {}));
  onTestFinished(() => {
    for (const socket of idle) socket.destroy();
  });
  await Promise.all(idle.slice(0, 300 - 256).map((socket) => once(socket, "close")));
  expect((await get("/healthz")).status).toBe(200);
  expect(idle.at(-1)?.destroyed).toBe(false);
});
