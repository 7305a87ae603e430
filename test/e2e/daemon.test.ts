/** Difficult moments of the built daemon: SIGUSR1, a full disk, a hanging look-up. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { expect, it } from "vitest";
import { BROKER } from "../daemon.ts";
import { lackOfMounts, startSilentNameserver } from "./silent-nameserver.ts";
import { responseOf, setStage, setStageWithoutDaemon } from "./stage.ts";

const IMAGE = "icn.ocir.io/acme/shop/web";

it("the daemon opens no debugger on SIGUSR1", async () => {
  const { call, daemon } = await setStage();
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${daemon.pid}/status`, "utf8"))?.[1];
  expect(BigInt(`0x${caught}`) & (1n << BigInt(constants.signals.SIGUSR1 - 1))).toBe(0n);
  process.kill(daemon.pid, "SIGUSR1");
  expect(responseOf(await call(IMAGE)).auth["icn.ocir.io"]?.password).toMatch(/\./);
});

it("a full disk loses log lines but no pulls, and the daemon still stops on SIGTERM", async () => {
  const { call, config } = await setStageWithoutDaemon({ logLevel: "trace" });
  const full = openSync("/dev/full", "w");
  const child = spawn(BROKER, ["serve", "--config", config.path], { stdio: ["ignore", full, full], env: {} });
  const ended = once(child, "exit");
  await expect.poll(async () => (await call(IMAGE)).exitCode, { timeout: 20_000 }).toBe(0);
  for (let pull = 0; pull < 5; pull++) responseOf(await call(IMAGE));
  child.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
});

it.skipIf(lackOfMounts !== "")(`the daemon stops on SIGTERM while a name lookup hangs${lackOfMounts}`, async () => {
  const nameserver = await startSilentNameserver();
  const { daemon } = await setStage({ broker: nameserver.around(BROKER), daemon: { prefetch: ["fra.ocir.io"] } });
  await nameserver.asked;
  await daemon.stop();
  expect(daemon.process.signalCode).toBe("SIGTERM");
});
