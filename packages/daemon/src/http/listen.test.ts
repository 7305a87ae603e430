import { spawn } from "node:child_process";
import { once } from "node:events";
import { renameSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { leaveStaleSocket, startBlockedServer } from "@ocir-broker/testkit/deaf-sockets";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { listenOn } from "./listen.ts";

let directory: string;
let path: string;

beforeEach(() => {
  directory = temporaryFolder();
  path = join(directory, "a.sock");
});

function newServer(): Server {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.end("hello");
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

const hear = (at = path): Promise<string> => text(connect(at));

describe("listenOn", () => {
  it.each([
    ["0600", 0o600],
    ["0660", 0o660],
  ] as const)("creates a socket of mode %s whatever the process's umask is", async (octal, mode) => {
    const before = process.umask(0o027);
    try {
      await listenOn(newServer(), { path, mode });
      expect(process.umask()).toBe(0o027);
    } finally {
      process.umask(before);
    }
    expect(`0${(statSync(path).mode & 0o777).toString(8)}`).toBe(octal);
    expect(await hear()).toBe("hello");
  });

  it("replaces the socket file of a killed broker", async () => {
    leaveStaleSocket(path);
    expect(statSync(path).isSocket()).toBe(true);
    await listenOn(newServer(), { path, mode: 0o600 });
    expect(await hear()).toBe("hello");
  });

  it("does not reclaim a socket whose accept queue is full", async () => {
    await using _owner = await startBlockedServer(path);
    const { ino } = statSync(path);
    let refused: unknown;
    while (refused === undefined) {
      // The end of the process ends it.
      const socket = connect(path).on("error", () => undefined);
      refused = await once(socket, "connect").then(
        () => undefined,
        (error) => error,
      );
    }
    expect(refused).toMatchObject({ code: "EAGAIN" });
    await expect(listenOn(newServer(), { path, mode: 0o600 })).rejects.toMatchObject({ code: "socket-in-use" });
    expect(statSync(path).ino).toBe(ino);
  });

  it("does not remove a file that is not a socket", async () => {
    writeFileSync(path, "precious");
    await expect(listenOn(newServer(), { path, mode: 0o600 })).rejects.toMatchObject({ code: "socket-in-use" });
    expect(statSync(path).size).toBe(8);
  });

  it("names the path on which it cannot listen", async () => {
    path = join(directory, "absent", "a.sock");
    await expect(listenOn(newServer(), { path, mode: 0o600 })).rejects.toMatchObject({
      code: "socket-not-listening",
      message: expect.stringContaining(path),
    });
  });

  it("listens on an inherited descriptor", async () => {
    const owner = newServer();
    await listenOn(owner, { path, mode: 0o600 });
    // Another process takes the path; the file is moved so that its owner does not remove it.
    const { fd } = (owner as unknown as { _handle: { fd: number } })._handle;
    const script = `
      import { createServer } from "node:net";
      import { listenOn } from ${JSON.stringify(new URL("./listen.ts", import.meta.url))};
      await listenOn(createServer((socket) => socket.end("heir")), { fd: 3 });
      console.log("listening");
    `;
    const heir = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit", fd],
    });
    await once(heir.stdout as Readable, "data");
    renameSync(path, `${path}.moved`);
    await new Promise((resolve) => owner.close(resolve));
    expect(await hear(`${path}.moved`)).toBe("heir");
    heir.kill();
    await once(heir, "exit");
  });
});
