/**
 * The installation lock: one installer of any kind at a time. Node has no flock(2), so a child process holds the lock. It ends when
 * its input closes, which the kernel does when this process ends, however that ends.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { InstallError } from "../install-error.ts";
import type { NodeContext } from "./node-context.ts";

const LOCK = "/run/ocir-broker-install.lock";

const WAIT_SECONDS = 300;

/** Waits for another installer, and reports that. @throws {InstallError} `lock` */
export async function withLock<Result>(
  { disk, say }: Pick<NodeContext, "disk" | "say">,
  work: () => Promise<Result>,
): Promise<Result> {
  const path = disk.at(LOCK);
  makeLock(path);
  let release = await hold(path, ["-n"]);
  if (release === undefined) {
    say("waiting for another installation on this node to end");
    release = await hold(path, ["-w", String(WAIT_SECONDS)]);
  }
  if (release === undefined)
    throw new InstallError(
      "lock",
      `another installation of ocir-broker still runs after 5 minutes: find it with fuser -v ${path}`,
    );
  try {
    return await work();
  } finally {
    await release();
  }
}

/** @returns what releases the lock; undefined if another process holds it. */
async function hold(path: string, how: readonly string[]): Promise<(() => Promise<void>) | undefined> {
  // `detached`: Ctrl-C must not end it before this process.
  const child = spawn("flock", [...how, path, "sh", "-c", "echo locked; exec cat"], {
    stdio: ["pipe", "pipe", "ignore"],
    detached: true,
  });
  child.stdin.on("error", () => {});
  const closed = once(child, "close");
  const isLocked = await Promise.race([once(child.stdout, "data").then(() => true), closed.then(() => false)]);
  if (!isLocked) return undefined;
  return async () => {
    child.stdin.end();
    await closed;
  };
}

/** Any user who can open the file can hold the lock, so only root may, also if another program has made the file. */
function makeLock(path: string): void {
  const file = fs.openSync(path, "a", 0o600);
  fs.fchmodSync(file, 0o600);
  fs.closeSync(file);
}
