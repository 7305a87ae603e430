import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it } from "vitest";
import { createDisk } from "../run/disk.ts";
import { takeLock, withLock } from "./lock.ts";

const isFree = (path: string): boolean => spawnSync("flock", ["-n", path, "true"]).status === 0;

it("takeLock holds the lock until it is disposed of", async () => {
  const path = join(temporaryFolder(), "lock");
  const lock = await takeLock(() => {}, path);
  expect(isFree(path)).toBe(false);
  await lock[Symbol.asyncDispose]();
  expect(isFree(path)).toBe(true);
});

it("withLock holds the lock until its work has ended", async () => {
  const root = temporaryFolder();
  mkdirSync(join(root, "run"));
  const path = join(root, "run/ocir-broker-install.lock");
  const work = async () => {
    await setImmediate();
    return isFree(path);
  };
  expect(await withLock({ disk: createDisk(root), say() {} }, work)).toBe(false);
  expect(isFree(path)).toBe(true);
});

it("takeLock waits for another installer, and says so", async () => {
  const path = join(temporaryFolder(), "lock");
  const first = await takeLock(() => {}, path);
  const waiting = Promise.withResolvers<void>();
  const second = takeLock(waiting.resolve, path);
  await waiting.promise;
  await first[Symbol.asyncDispose]();
  await (await second)[Symbol.asyncDispose]();
});

it("takeLock leaves the lock free when its process is killed", async () => {
  const path = join(temporaryFolder(), "lock");
  const script = `import { takeLock } from ${JSON.stringify(join(import.meta.dirname, "lock.ts"))};
    await takeLock(() => {}, ${JSON.stringify(path)});
    process.kill(process.pid, "SIGKILL");`;
  const { signal } = spawnSync(process.execPath, ["--input-type=module", "-e", script]);
  expect(signal).toBe("SIGKILL");
  expect(spawnSync("flock", ["-w", "20", path, "true"]).status).toBe(0);
});

it.each([
  ["another mode", (path: string) => chmodSync(path, 0o644)],
  ["a link in its place", (path: string) => symlinkSync("/etc/passwd", path)],
])("takeLock refuses a lock with %s", async (what, spoil) => {
  const path = join(temporaryFolder(), "lock");
  if (what === "another mode") await (await takeLock(() => {}, path))[Symbol.asyncDispose]();
  spoil(path);
  await expect(takeLock(() => {}, path)).rejects.toMatchObject({ code: "lock" });
  expect(existsSync(path)).toBe(true);
});
