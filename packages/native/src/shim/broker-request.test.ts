import { chmodSync, copyFileSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { leaveStaleSocket, startBlockedServer } from "@ocir-broker/testkit/deaf-sockets";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, test } from "vitest";
import { hasProgram } from "../../test/native-builds.ts";
import { httpResponse, type RawServerOptions, startAnswering, startRawServer } from "../../test/raw-socket-server.ts";
import { callShim, describeShim, descriptorsOf, failure, startShim, success } from "../../test/shim-call.ts";

const RESPONSE = '{"kind":"CredentialProviderResponse"}';
const KIB = 1024;

describeShim("broker_request", (build) => {
  describe("re-sends", () => {
    const breaks: Record<string, RawServerOptions> = {
      "reset before the request was read": { onConnection: (socket) => socket.destroy() },
      "closed without a response": { onRequest: ({ socket }) => socket.end() },
      "closed in the headers": { onRequest: ({ socket }) => socket.end("HTTP/1.1 200 OK\r\nContent-Le") },
      "closed in the body": { onRequest: ({ socket }) => socket.end(httpResponse("200 OK", RESPONSE).subarray(0, -1)) },
      "closed in the body of an error": {
        onRequest: ({ socket }) => socket.end(httpResponse("503 No", "x").subarray(0, -1)),
      },
    };

    test.each(Object.entries(breaks))("after %s, and takes the second response", async (_what, broken) => {
      await using server = await startRawServer({
        onConnection: (socket, connection) => connection === 1 && broken.onConnection?.(socket, connection),
        onRequest: (request) =>
          request.connection === 1
            ? broken.onRequest?.(request)
            : request.socket.end(httpResponse("200 OK", request.body)),
      });
      expect(await callShim(build.path, server.path, { stdin: "once more" })).toEqual(success("once more"));
      expect(server.received).toHaveLength(2);
    });

    test.each(Object.entries(breaks))("seven times after %s, and no more", async (_what, broken) => {
      await using server = await startRawServer(broken);
      expect(await callShim(build.quickPath, server.path)).toEqual(failure("shim-connection-broken"));
      expect(server.received).toHaveLength(8);
    });

    test("up to the response of the eighth connection", async () => {
      await using server = await startRawServer({
        onRequest: ({ socket, connection }) =>
          connection < 8 ? socket.destroy() : socket.end(httpResponse("200 OK", RESPONSE)),
      });
      expect(await callShim(build.quickPath, server.path)).toEqual(success(RESPONSE));
    });
  });

  test.each([
    ["is missing", () => join(temporaryFolder(), "none.sock")],
    ["refuses", () => leaveStaleSocket()],
  ])("waits for a socket that %s, until a daemon listens on it", async (_what, absent) => {
    await using server = await startAnswering("200 OK", RESPONSE);
    const path = absent();
    const { child, ended } = startShim(build.path, path);
    while (!isNapping(child.pid) && child.exitCode === null) await setImmediate();
    rmSync(path, { force: true });
    symlinkSync(server.path, path);
    expect(await ended).toEqual(success(RESPONSE));
  });

  describe("reports the cause and the remedy", () => {
    const directory = temporaryFolder();

    test.each([
      ["there is no socket", () => join(directory, "none.sock"), "shim-socket-missing"],
      ["its folder is a file", () => join(build.path, "none.sock"), "shim-socket-missing"],
      ["no process listens on the socket", () => leaveStaleSocket(), "shim-socket-refused"],
      ["the path does not fit an address", () => `/${"x".repeat(107)}`, "shim-socket-path-too-long"],
    ])("when %s", async (_what, path, code) => {
      expect(await callShim(build.quickPath, path())).toEqual(failure(code));
    });

    const root = process.getuid?.() === 0;
    const lacking = root && !hasProgram("setpriv") ? " (skipped: needs setpriv)" : "";
    test.skipIf(lacking !== "")(`when the socket is not for this user${lacking}`, async () => {
      await using server = await startRawServer({});
      chmodSync(server.path, root ? 0o600 : 0);
      chmodSync(join(server.path, ".."), 0o755);
      chmodSync(directory, 0o755);
      const path = join(directory, "shim");
      copyFileSync(build.path, path);
      const asNobody = ["--reuid", "65534", "--clear-groups", path];
      const result = await callShim(root ? "/usr/bin/setpriv" : path, server.path, root ? { args: asNobody } : {});
      expect(result).toEqual(failure("shim-socket-denied"));
    });
  });

  describe.concurrent("gives up at the time limit", () => {
    const partOf200 = httpResponse("200 OK", RESPONSE).subarray(0, -1);
    test.each([
      ["sends nothing", undefined],
      ["sends headers only", partOf200.subarray(0, -RESPONSE.length + 1)],
      ["stops in the body", partOf200],
    ])("when the broker accepts and %s", async (_what, part) => {
      await using server = await startRawServer({
        onRequest: ({ socket }) => part !== undefined && socket.write(part),
      });
      expect(await callShim(build.hastyPath, server.path)).toEqual(failure("shim-timeout"));
      expect(server.received).toHaveLength(1);
    });

    test("when the broker sends single bytes without end", async () => {
      await using server = await startRawServer({
        onRequest({ socket }) {
          socket.write("HTTP/1.1 200 OK\r\nX: ");
          const dribble = setInterval(() => socket.write("y"), 20);
          socket.on("close", () => clearInterval(dribble));
        },
      });
      expect(await callShim(build.hastyPath, server.path)).toEqual(failure("shim-timeout"));
    });

    test("when the broker never reads a large request", async () => {
      await using server = await startBlockedServer();
      const stdin = Buffer.alloc(256 * KIB);
      expect(await callShim(build.hastyPath, server.path, { stdin })).toEqual(failure("shim-timeout"));
    });

    test("when stdin does not end", async () => {
      expect(await startShim(build.hastyPath, "/nowhere", null).ended).toEqual(failure("shim-request-timeout"));
    });

    test("when the broker accepts no connection", async () => {
      await using server = await startBlockedServer();
      const calls = Array.from({ length: 5 }, () => callShim(build.hastyPath, server.path));
      expect(await Promise.all(calls)).toEqual(calls.map(() => failure("shim-timeout")));
    });
  });

  test("waits when the accept queue is full", async () => {
    await using server = await startBlockedServer();
    const shims = Array.from({ length: 12 }, () => startShim(build.path, server.path));
    for (const { child } of shims) while (descriptorsOf(child.pid).length === 0) await setImmediate();
    server.unblock();
    expect(await Promise.all(shims.map(({ ended }) => ended))).toEqual(shims.map(() => success("answered")));
  });

  test("opens one descriptor, with close-on-exec, and starts no program", async () => {
    const asked = Promise.withResolvers<() => void>();
    await using server = await startRawServer({
      onRequest: ({ socket }) => asked.resolve(() => void socket.end(httpResponse("200 OK", RESPONSE))),
    });
    const { child, ended } = startShim(build.path, server.path);
    const answer = await asked.promise;
    const opened = descriptorsOf(child.pid);
    const flags = opened.map((number) => readFileSync(`/proc/${child.pid}/fdinfo/${number}`, "utf8"));
    const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8");
    answer();
    expect(await ended).toEqual(success(RESPONSE));
    expect(opened).toHaveLength(1);
    expect(Number.parseInt(/^flags:\s+(\d+)$/m.exec(flags[0] ?? "")?.[1] ?? "0", 8) & 0o2000000).not.toBe(0);
    expect(children).toBe("");
  });
});

/** True while the process waits in poll(2) for no descriptor. */
function isNapping(pid: number | undefined): boolean {
  try {
    return /^\d+ 0x0 0x0 /.test(readFileSync(`/proc/${pid}/syscall`, "utf8"));
  } catch {
    return false;
  }
}
