import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSystemClock } from "@ocir-broker/foundation";
import { createFakeClock } from "@ocir-broker/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { askDaemon } from "./daemon-answer.ts";

const clock = createSystemClock();

let directory: string;
let path: string;
let server: Server | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "cli-"));
  path = join(directory, "credentials.sock");
});

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  rmSync(directory, { recursive: true });
});

async function listen(listener: RequestListener): Promise<void> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server?.listen(path, resolve));
}

describe("askDaemon", () => {
  it("posts the request and gives status and body", async () => {
    await listen(async (request, response) => {
      const body = (await request.toArray()).join("");
      response.writeHead(503).end(`${request.method} ${request.url} ${body}`);
    });
    const answer = await askDaemon(path, Buffer.from("question"), clock);
    expect(answer).toEqual({ status: 503, body: Buffer.from("POST /v1/credentials question") });
  });

  it("gives nothing where nobody listens", async () => {
    expect(await askDaemon(path, Buffer.from("question"), clock)).toBeUndefined();
  });

  it.each([
    ["before an answer", (_request, response) => response.destroy()],
    [
      "in the middle of one",
      (_request, response) => {
        response.writeHead(200, { "Content-Length": 10 });
        response.write("half", () => response.destroy());
      },
    ],
  ] satisfies [string, RequestListener][])("gives nothing where the connection breaks %s", async (_when, listener) => {
    await listen(listener);
    expect(await askDaemon(path, Buffer.from("question"), clock)).toBeUndefined();
  });

  it("gives nothing if the answer is larger than 64 KiB, and reads no more of it", async () => {
    const isClosed = Promise.withResolvers<void>();
    await listen((_request, response) => {
      response.on("close", isClosed.resolve);
      const write = (): void => void response.write("x".repeat(32 * 1024), (error) => error || write());
      write();
    });
    expect(await askDaemon(path, Buffer.from("question"), clock)).toBeUndefined();
    await isClosed.promise;
  });

  it("gives nothing where the daemon has not answered after 25 s", async () => {
    const isAsked = Promise.withResolvers<void>();
    await listen(() => isAsked.resolve());
    const fake = createFakeClock();
    const asked = askDaemon(path, Buffer.from("question"), fake);
    await isAsked.promise;
    await fake.advance(25_000);
    expect(await asked).toBeUndefined();
  });
});
