/** A nameserver that never answers, and programs that use no other: each look-up hangs for minutes. */
import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { onTestFinished } from "vitest";

/** For test titles; empty if names can be hidden. The nameserver's port and the mount need root. */
export const lackOfMounts =
  process.getuid?.() === 0 && spawnSync("unshare", ["--mount", "true"]).status === 0 ? "" : " (skipped: needs root)";

/** resolv.conf cannot name a port, so each test process has its own address for port 53. */
const ADDRESS = `127.83.${(process.pid >> 8) & 255}.${process.pid & 255}`;

/** Until the test ends. */
export async function startSilentNameserver() {
  const directory = temporaryFolder();
  const socket = createSocket("udp4");
  onTestFinished(() => void socket.close());
  /** Resolves after a query. */
  const asked = once(socket, "message");
  socket.bind(53, ADDRESS);
  await once(socket, "listening");
  writeFileSync(join(directory, "resolv.conf"), `nameserver ${ADDRESS}\noptions timeout:30 attempts:5\n`);
  writeFileSync(join(directory, "nsswitch.conf"), "hosts: dns\n");
  const mounts = ["resolv.conf", "nsswitch.conf"].map((name) => `mount --bind ${directory}/${name} /etc/${name}`);
  return {
    /** @returns the path to run instead of the program's */
    around(program: string): string {
      const path = join(directory, basename(program));
      const inside = `${mounts.join(" && ")} && exec "$0" "$@"`;
      writeFileSync(path, `#!/bin/sh\nexec unshare --mount sh -c '${inside}' ${program} "$@"\n`, { mode: 0o755 });
      return path;
    },
    asked,
  };
}
