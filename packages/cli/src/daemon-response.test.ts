import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { serveOnSocket } from "@ocir-broker/node/test/socket-server";
import { describe, expect, it } from "vitest";
import { askDaemon } from "./commands/get.ts";

const QUESTION = Buffer.from("question");

describe("askDaemon", () => {
  it("posts the request, and returns status and body", async () => {
    const path = await serveOnSocket(async (request, response) => {
      const body = (await request.toArray()).join("");
      response.writeHead(503).end(`${request.method} ${request.url} ${body}`);
    });
    const received = await askDaemon(path, QUESTION, createSystemClock());
    expect(received).toEqual({ status: 503, body: Buffer.from("POST /v1/credentials question") });
  });

  it("returns undefined when nothing listens", async () => {
    expect(await askDaemon("/no/such/socket", QUESTION, createSystemClock())).toBeUndefined();
  });

  it("returns undefined, and stops reading, when the response is larger than 64 KiB", async () => {
    const isClosed = Promise.withResolvers<void>();
    const path = await serveOnSocket((_request, response) => {
      response.on("close", isClosed.resolve);
      const write = (): void => void response.write("x".repeat(32 * 1024), (error) => error || write());
      write();
    });
    expect(await askDaemon(path, QUESTION, createSystemClock())).toBeUndefined();
    await isClosed.promise;
  });
});
