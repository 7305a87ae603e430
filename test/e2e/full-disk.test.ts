import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { expect, it } from "vitest";
import { BROKER } from "../daemon.ts";
import { responseOf, setStage } from "./stage.ts";

it("a full disk loses log lines but no pulls, and the daemon still stops on SIGTERM", async () => {
  const { call, config, daemon } = await setStage({ daemon: { logLevel: "trace" } });
  await daemon.stop();
  const full = openSync("/dev/full", "w");
  const child = spawn(BROKER, ["serve", "--config", config.path], { stdio: ["ignore", full, full], env: {} });
  const ended = once(child, "exit");
  await expect.poll(async () => (await call("icn.ocir.io/acme/shop/web")).exitCode, { timeout: 20_000 }).toBe(0);
  for (let pull = 0; pull < 5; pull++) responseOf(await call("icn.ocir.io/acme/shop/web"));
  child.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
});
