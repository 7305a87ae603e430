import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { createFakeClock, type FakeClock } from "@ocir-broker/testkit/fake-clock";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { beforeEach, expect, it } from "vitest";
import { createHealthServer, type HealthServerOptions } from "./health-server.ts";
import { listenOn } from "./listen.ts";

let path: string;
let clock: FakeClock;
let stop: () => Promise<void>;

beforeEach(() => {
  path = join(temporaryFolder(), "health.sock");
  clock = createFakeClock();
  return async () => {
    const stopped = stop();
    await clock.advance(1_000);
    await stopped;
  };
});

async function start(options: Partial<HealthServerOptions> = {}): Promise<void> {
  const health = { isServing: () => true, summary: () => ({}), details: () => ({}), config: () => null } as never;
  const server = createHealthServer({ clock, health, renderMetrics: async () => "", onFailed: () => {}, ...options });
  stop = () => server.stop(1_000);
  await server.listen((unbound) => listenOn(unbound, { path, mode: 0o660 }));
}

/** Everything received until the other side closes. */
async function ask(target: string, method = "GET"): Promise<string> {
  const socket = connect(path);
  socket.write(`${method} ${target} HTTP/1.1\r\n\r\n`);
  return text(socket);
}

const bodyOf = async (target: string) => (await ask(target)).split("\r\n\r\n")[1];

it("createHealthServer shows a reloaded configuration at once", async () => {
  let config = { path: "/before" };
  await start({ health: { config: () => config, details: () => ({ config }) } as never });
  expect(await bodyOf("/status")).toContain("/before");
  config = { path: "/after" };
  expect(await bodyOf("/status")).toContain("/after");
});

it("createHealthServer renders a body once a second, and reports an error if it cannot", async () => {
  const failures: string[] = [];
  let rendered = 0;
  await start({
    async renderMetrics() {
      rendered++;
      if (rendered === 2) throw new Error("secret text");
      return `rendered ${rendered}\n`;
    },
    onFailed: (code) => void failures.push(code),
  });
  const asked = ["/metrics", "/metrics?x=1", "/metrics"].map(bodyOf);
  expect(await Promise.all(asked)).toEqual(Array(3).fill("rendered 1\n"));
  await clock.advance(1_000);
  expect(await ask("/metrics")).toMatch(/^HTTP\/1.1 503 [\s\S]*ocir-broker: internal: /);
  expect(failures).toEqual(["unknown"]);
  await clock.advance(1_000);
  expect(await ask("/metrics")).toMatch(
    /Content-Type: text\/plain; version=0\.0\.4; charset=utf-8\r\n[\s\S]*rendered 3\n$/,
  );
});

it("createHealthServer lists its paths at the root, each of which exists", async () => {
  await start();
  const paths = [...((await bodyOf("/")) ?? "").matchAll(/\/[a-z]+/g)].map(([found]) => found);
  expect(paths).toHaveLength(5);
  for (const listed of paths) {
    await clock.advance(10);
    expect(await ask(listed)).toMatch(/^HTTP\/1.1 200 /);
  }
});

it.each([
  ["/livez", 200, "ok\n"],
  ["/readyz", 503, "not ready\n"],
  ["/healthz", 503, "{}\n"],
  ["/status", 200, "{}\n"],
])("createHealthServer answers %s with %i while no token can be served", async (target, status, body) => {
  await start({ health: { isServing: () => false, summary: () => ({}), details: () => ({}) } as never });
  const [head, received] = (await ask(target)).split("\r\n\r\n");
  expect([head?.slice(0, 12), received]).toEqual([`HTTP/1.1 ${status}`, body]);
});

it.each([
  ["HEAD", "/status", 200],
  ["POST", "/status", 405],
  ["GET", "/v1/credentials", 404],
])("createHealthServer answers %s %s with %i", async (method, target, status) => {
  await start();
  expect(await ask(target, method)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
});

it("createHealthServer limits how many requests start per interval, and answers all of them", async () => {
  await start();
  const crowd = Array.from({ length: 12 }, () => ask("/nowhere"));
  await clock.untilArmed(1);
  let isOver = false;
  const all = Promise.all(crowd).finally(() => {
    isOver = true;
  });
  while (!isOver) await clock.advance(10);
  expect(new Set(await all)).toEqual(new Set([expect.stringMatching(/^HTTP\/1.1 404 .*not-found: /s)]));
});
