import { mkdtempSync, rmSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFakeClock } from "@ocir-broker/testkit";
import { expect, it } from "vitest";
import { createHealthServer } from "./health-server.ts";

it("createHealthServer renders a body once a second, and says so when it cannot", async () => {
  const directory = mkdtempSync(join(tmpdir(), "health-"));
  const path = join(directory, "health.sock");
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
  await server.listen({ path, mode: 0o666 });
  const ask = (): Promise<string> =>
    new Promise((resolve, reject) => {
      get({ socketPath: path, path: "/metrics", agent: false }, async (incoming) => {
        resolve(`${incoming.statusCode} ${(await incoming.toArray()).join("")}`);
      }).on("error", reject);
    });

  expect(await Promise.all([ask(), ask(), ask()])).toEqual(Array(3).fill("200 rendered 1\n"));
  await clock.advance(1_000);
  expect(await ask()).toMatch(/^500 ocir-broker: internal: /);
  expect(failures).toEqual(["unknown"]);
  await clock.advance(1_000);
  expect(await ask()).toBe("200 rendered 3\n");
  const stopped = server.stop(1_000);
  await clock.advance(1_000);
  await stopped;
  rmSync(directory, { recursive: true });
});
