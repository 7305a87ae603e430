import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSystemClock } from "@ocir-broker/foundation";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { textAnswer, writeAnswer } from "../errors/response.ts";
import { type BoundedServer, createBoundedServer, type ServerLimits } from "./bounded-server.ts";

const LIMITS: ServerLimits = {
  headersMs: 5_000,
  requestMs: 5_000,
  silenceMs: 5_000,
  keepAliveMs: 5_000,
  maxConnections: 0,
};
const REQUEST = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

let directory: string;
let path: string;
let server: BoundedServer | undefined;
/** Answers the requests in flight. */
let release: (() => void)[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "server-"));
  path = join(directory, "a.sock");
  release = [];
});

afterEach(async () => {
  await server?.stop(0);
  rmSync(directory, { recursive: true });
});

/** Answers at once, or `/later` when released. */
async function start(limits: Partial<ServerLimits> = {}): Promise<BoundedServer> {
  server = createBoundedServer({ ...LIMITS, ...limits }, createSystemClock(), (request, response) => {
    const answer = (): void => writeAnswer(response, textAnswer(200, "hello\n"));
    if (request.url === "/later") release.push(answer);
    else answer();
  });
  await server.listen({ path, mode: 0o600 });
  return server;
}

function dial(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => resolve(socket));
    socket.once("error", reject);
  });
}

/** Everything received until the other side closes; "reset" if it resets the connection. */
async function talk(text: string): Promise<string> {
  const socket = await dial();
  socket.write(text);
  return heardOf(socket);
}

function heardOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let heard = "";
    socket.setEncoding("utf8");
    socket.on("data", (piece) => {
      heard += piece;
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(heard));
  });
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

describe("createBoundedServer", () => {
  it.each(["GET / HTTP/1.1\r\nHost: a\r\nExpect: foo\r\n\r\n", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n"])(
    "answers %j whole, with a length",
    async (text) => {
      await start();
      const heard = await talk(text);
      expect(heard).toMatch(/Content-Length: [1-9]/i);
      expect(heard).not.toMatch(/chunked/i);
    },
  );

  it("answers with a stated length and no date, and keeps the connection for another request", async () => {
    await start();
    const heard = await talk(`${REQUEST}GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    expect(
      heard.match(/HTTP\/1\.1 200 OK\r\nContent-Type: text\/plain; charset=utf-8\r\nContent-Length: 6\r\n/g),
    ).toHaveLength(2);
    expect(heard).not.toMatch(/date:|transfer-encoding/i);
  });

  it.each([
    ["what is not HTTP", "nonsense\r\n\r\n", 400, "request-malformed"],
    ["headers that are too large", `GET / HTTP/1.1\r\nX: ${"x".repeat(9_000)}\r\n\r\n`, 431, "headers-too-large"],
  ])("answers %s with one line", async (_title, text, status, code) => {
    await start();
    const [head = "", body = ""] = (await talk(text)).split("\r\n\r\n");
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} .*Content-Length: ${body.length}`, "s"));
    expect(body).toMatch(new RegExp(`^ocir-broker: ${code}: [ -~]+\n$`));
  });

  it("gives a request's client no other answer, whatever comes behind the request", async () => {
    await start();
    const heard = talk("GET /later HTTP/1.1\r\nHost: localhost\r\n\r\nnonsense\r\n\r\n");
    expect(await heard).toBe("");
  });

  it("gives up on a client that does not finish its body", async () => {
    await start({ headersMs: 100, requestMs: 200 });
    expect(await talk("POST /later HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")).toContain(
      "ocir-broker: request-incomplete: ",
    );
  });

  it("gives up on a client that does not finish its request", async () => {
    await start({ headersMs: 100, requestMs: 200 });
    expect(await talk("GET / HT")).toContain("ocir-broker: request-incomplete: ");
  });

  it("closes a connection on which nothing happens", async () => {
    await start({ silenceMs: 100 });
    const socket = await dial();
    expect(await heardOf(socket)).toBe("");
  });

  it("takes no more connections than its bound, and takes them again when some have ended", async () => {
    await start({ maxConnections: 2 });
    const held = [await dial(), await dial()];
    const [first] = held;
    first?.write(REQUEST);
    await new Promise((resolve) => first?.once("data", resolve));
    expect(await talk(REQUEST)).toBe("");
    for (const socket of held) socket.destroy();
    let heard = "";
    while (heard === "") heard = await talk(`GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    expect(heard).toContain("hello");
  });
});

describe("BoundedServer.stop", () => {
  it("takes no more connections, and finishes what is in flight", async () => {
    const running = await start();
    const answered = talk("GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const idle = dial().then(heardOf);
    await until(() => release.length === 1);
    const stopped = running.stop(60_000);
    await expect(dial()).rejects.toThrow();
    release[0]?.();
    expect(await answered).toContain("hello");
    expect(await idle).toBe("");
    await stopped;
  });

  it("cuts what takes longer than its grace", async () => {
    const running = await start();
    const answered = talk("GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await until(() => release.length === 1);
    await running.stop(50);
    expect(await answered).toBe("");
  });

  it("is fine with a server that never listened", async () => {
    const idle = createBoundedServer(LIMITS, createSystemClock(), () => undefined);
    await expect(idle.stop(50)).resolves.toBeUndefined();
  });
});
