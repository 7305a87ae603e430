/** A nameserver that never answers, and the shim where nothing else is asked for a name: each look-up hangs for minutes. */
import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { SHIM } from "../daemon.ts";

/** The nameserver's port is root's, as is a mount. */
export const cannotHideNames = process.getuid?.() !== 0 || spawnSync("unshare", ["--mount", "true"]).status !== 0;

export interface SilentNameserver {
  readonly shim: string;
  /** Resolves once somebody has. */
  readonly asked: Promise<unknown>;
}

const ADDRESS = "127.83.0.1";

/** Until the test ends. */
export async function startSilentNameserver(): Promise<SilentNameserver> {
  const directory = mkdtempSync(join(tmpdir(), "silent-nameserver-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const socket = createSocket("udp4");
  onTestFinished(() => void socket.close());
  const asked = once(socket, "message");
  socket.bind(53, ADDRESS);
  await once(socket, "listening");
  writeFileSync(join(directory, "resolv.conf"), `nameserver ${ADDRESS}\noptions timeout:30 attempts:5\n`);
  writeFileSync(join(directory, "nsswitch.conf"), "hosts: dns\n");
  const shim = join(directory, "shim");
  const mounts = ["resolv.conf", "nsswitch.conf"].map((name) => `mount --bind ${directory}/${name} /etc/${name}`);
  writeFileSync(shim, `#!/bin/sh\nexec unshare --mount sh -c '${mounts.join(" && ")} && exec ${SHIM}'\n`, {
    mode: 0o755,
  });
  return { shim, asked };
}
