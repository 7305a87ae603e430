import { mkdtempSync, rmSync } from "node:fs";
import { get } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { createFakeClock, type FakeClock } from "@ocir-broker/testkit";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { BoundedServer } from "./bounded-server.ts";
import { createHealthServer } from "./health-server.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "health-"));
  path = join(directory, "health.sock");
});
afterEach(() => rmSync(directory, { recursive: true }));

function ask(route: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ socketPath: path, path: route, agent: false }, async (incoming) => {
      resolve(`${incoming.statusCode} ${(await incoming.toArray()).join("")}`);
    }).on("error", reject);
  });
}

/** Everything received until the other side closes. */
async function exchange(request: string): Promise<string> {
  const socket = connect(path);
  socket.write(request);
  return text(socket);
}

async function stop(server: BoundedServer, clock: FakeClock): Promise<void> {
  const stopped = server.stop(1_000);
  await clock.advance(1_000);
  await stopped;
}

it("createHealthServer renders a body once a second, and says so when it cannot", async () => {
  const clock = createFakeClock();
  const failures: string[] = [];
  let rendered = 0;
  const server = createHealthServer({
    clock,
    health: undefined as never,
    async renderMetrics() {
      rendered++;
      if (rendered === 2) throw new Error("secret text");
      return `rendered ${rendered}\n`;
    },
    onFailed: (code) => void failures.push(code),
  });
  await server.listen({ path, mode: 0o660 });
  expect(await Promise.all([ask("/metrics"), ask("/metrics"), ask("/metrics")])).toEqual(
    Array(3).fill("200 rendered 1\n"),
  );
  await clock.advance(1_000);
  expect(await ask("/metrics")).toMatch(/^500 ocir-broker: internal: /);
  expect(failures).toEqual(["unknown"]);
  await clock.advance(1_000);
  expect(await ask("/metrics")).toBe("200 rendered 3\n");
  await stop(server, clock);
});

it("createHealthServer lists its paths at the root, each of which exists", async () => {
  const clock = createFakeClock();
  const health = { isServing: () => true, summary: () => ({}), details: () => ({}) } as never;
  const renderMetrics = async () => "";
  const server = createHealthServer({ clock, health, renderMetrics, onFailed: () => {} });
  await server.listen({ path, mode: 0o660 });
  const list = await ask("/");
  const paths = [...list.matchAll(/\/[a-z]+/g)].map(([found]) => found);
  expect(paths).toHaveLength(5);
  for (const listed of paths) {
    await clock.advance(10);
    expect(await ask(listed)).toMatch(/^200 /);
  }
  await stop(server, clock);
});

it.each<[what: string, request: string, answer: RegExp]>([
  ["for what is not there", "GET /nowhere HTTP/1.1\r\n\r\n", /^HTTP\/1.1 404 .*not-found: /s],
  ["in no HTTP", "nonsense\r\n\r\n", /^HTTP\/1.1 400 .*request-malformed: /s],
  ["for what HTTP does not know", "GET / HTTP/1.1\r\nExpect: x\r\n\r\n", /^HTTP\/1.1 400 .*request-malformed: /s],
])("createHealthServer answers a crowd in turn that asks %s", async (_what, request, answer) => {
  const clock = createFakeClock();
  const unused = undefined as never;
  const server = createHealthServer({ clock, health: unused, renderMetrics: unused, onFailed: unused });
  await server.listen({ path, mode: 0o660 });
  const crowd = Array.from({ length: 12 }, () => exchange(request));
  await clock.untilArmed(1);
  let isOver = false;
  const all = Promise.all(crowd).finally(() => {
    isOver = true;
  });
  while (!isOver) await clock.advance(10);
  expect(new Set(await all)).toEqual(new Set([expect.stringMatching(answer)]));
  await stop(server, clock);
});
