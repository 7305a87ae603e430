/** Unix sockets on which no process accepts a connection. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { temporaryFolder } from "./temporary-folder.ts";

/** @returns the path of a socket file that a killed process has left */
export function leaveStaleSocket(path = join(temporaryFolder(), "stale.sock")): string {
  const script = `require("node:net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))`;
  spawnSync(process.execPath, ["-e", script, path]);
  return path;
}

/** A process with a backlog of one that accepts nothing until it is released, and then answers `answered`. */
export async function startBlockedServer(path = join(temporaryFolder(), "blocked.sock")) {
  const script = `
    const server = require("node:net").createServer((socket) => {
      socket.once("data", () => socket.end("HTTP/1.1 200 OK\\r\\nContent-Length: 8\\r\\n\\r\\nanswered"));
      socket.on("error", () => {});
    });
    server.listen({ path: process.argv[1], backlog: 1 }, () => {
      require("node:fs").writeSync(1, "ready");
      require("node:fs").readSync(0, Buffer.alloc(1));
    });`;
  const child = spawn(process.execPath, ["-e", script, path], { stdio: ["pipe", "pipe", "inherit"] });
  const closed = once(child, "close");
  await once(child.stdout, "data");
  return {
    path,
    unblock: () => void child.stdin.write("g"),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await closed;
    },
  };
}
