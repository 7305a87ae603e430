import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSystemClock } from "@ocir-broker/foundation";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { JSON_TYPE } from "../errors/response.ts";
import type { CredentialsAnswer } from "../pulls/kubelet-request.ts";
import { type FallbackServer, startFallbackServer } from "./fallback-server.ts";

const clock = createSystemClock();

let directory: string;
let path: string;
let server: FallbackServer;
/** Answers the requests in their order. */
let release: (() => void)[];
let isAsked: PromiseWithResolvers<void>;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "fallback-"));
  path = join(directory, "fallback.sock");
  release = [];
  isAsked = Promise.withResolvers();
  server = await startFallbackServer({ clock, answer, address: { path, mode: 0o600 }, limitMs: 5_000 });
});

afterEach(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

function answer(body: Buffer): Promise<CredentialsAnswer> {
  return new Promise((resolve) => {
    release.push(() => resolve({ status: 200, contentType: JSON_TYPE, body, outcome: "miss" }));
    isAsked.resolve();
  });
}

function ask(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { socketPath: path, method: "POST", path: "/v1/credentials", agent: false },
      (incoming) => {
        incoming.setEncoding("utf8").once("data", resolve);
      },
    );
    outgoing.on("error", reject);
    outgoing.end(text);
  });
}

describe("startFallbackServer", () => {
  it("is quiet soon when nobody ever asked", async () => {
    await server.untilQuiet(60_000, 60_000);
  });

  it("is not quiet while somebody waits, nor right after", async () => {
    const asked = ask("one");
    await isAsked.promise;
    let isQuiet = false;
    const quiet = server.untilQuiet(150, 60_000).then(() => {
      isQuiet = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(isQuiet).toBe(false);
    for (const each of release) each();
    expect(await asked).toBe("one");
    await quiet;
  });

  it("waits no longer than it may, and cuts who is left", async () => {
    const asked = ask("one");
    const cut = expect(asked).rejects.toThrow("socket hang up");
    await isAsked.promise;
    await server.untilQuiet(60_000, 50);
    await server.stop();
    await cut;
  });
});
