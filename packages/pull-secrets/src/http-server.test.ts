import { type AddressInfo, connect, type Socket } from "node:net";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { until } from "@ocir-broker/testkit/until";
import { expect, it, onTestFinished } from "vitest";
import { startHttpServer } from "./http-server.ts";

/** @returns its port, and a function that requests a path. */
async function serve(started: Promise<void> = Promise.resolve(), render = async () => "") {
  const server = await startHttpServer(0, { clock: createFakeClock(), started, render });
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { port, get: (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init) };
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

it("answers with metrics that it renders once a second, and 404 for any other path", async () => {
  let renders = 0;
  const { get } = await serve(Promise.resolve(), async () => `rendered ${++renders}\n`);
  for (let time = 0; time < 2; time += 1) expect(await (await get("/metrics")).text()).toBe("rendered 1\n");
  expect((await get("/")).status).toBe(404);
});

it("answers next to idle connections of many addresses, of which it keeps 256, as many of each", async () => {
  const { port, get } = await serve();
  const idle = Array.from({ length: 16 }, (_, address) =>
    Array.from({ length: 20 }, () => dial(port, `127.0.0.${address + 2}`)),
  );
  const open = () => idle.map((sockets) => sockets.filter(({ closed }) => !closed).length);
  await until("the rest is closed", () => open().reduce((sum, count) => sum + count) === 256);
  expect(Math.min(...open())).toBeGreaterThanOrEqual(15);
  expect((await get("/healthz")).status).toBe(200);
});

it("refuses a body, another method, and metrics that cannot be rendered", async () => {
  const { get } = await serve(Promise.resolve(), () => Promise.reject(new Error("canary")));
  expect((await get("/healthz", { method: "POST", body: "x" })).status).toBe(413);
  expect((await get("/healthz", { method: "DELETE" })).status).toBe(405);
  const response = await get("/metrics");
  expect([response.status, await response.text()]).toEqual([
    503,
    expect.stringMatching(/^ocir-broker: internal: (?!.*canary)/),
  ]);
});

function dial(port: number, localAddress: string): Socket {
  const socket = connect({ host: "127.0.0.1", port, localAddress }).on("error", () => {});
  onTestFinished(() => void socket.destroy());
  return socket;
}
