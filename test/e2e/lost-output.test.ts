/**
 * A command whose standard output is full or closed does its work, and ends with the work's exit status. Commands that change a node:
 * test/system/lost-output.test.ts
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { serveOnSocket } from "@ocir-broker/node/test/socket-server";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it } from "vitest";
import { BROKER } from "../daemon.ts";

const FULL =
  "ocir-broker: output-failed: standard output: it cannot be written: ENOSPC; free space where it goes; only the printing stopped, not the work\n";

/** @returns its exit status and standard error. */
async function run(words: string, output: "full" | "closed"): Promise<[status: number, stderr: string]> {
  const full = openSync("/dev/full", "w");
  const child = spawn(BROKER, words.split(" "), {
    stdio: ["ignore", output === "full" ? full : "pipe", "pipe"],
    env: {},
  });
  closeSync(full);
  // Before the program has started.
  child.stdout?.destroy();
  const [stderr, [status]] = await Promise.all([text(child.stderr ?? Readable.from([])), once(child, "close")]);
  return [status, stderr];
}

describe("a lost output", () => {
  it.each(["version", "help", "config print", "kubelet-config merge /nowhere --kubelet-version 1.34"])(
    "is the failure of `ocir-broker %s`, which only prints, unless a reader has seen enough",
    async (words) => {
      expect(await run(words, "full")).toEqual([1, FULL]);
      expect(await run(words, "closed")).toEqual([0, ""]);
    },
  );

  it("is the failure of `ocir-broker status`", async () => {
    const health = await serveOnSocket((_request, response) =>
      response.end(JSON.stringify({ status: "ok", registries: {} })),
    );
    const config = join(temporaryFolder(), "config.yaml");
    writeFileSync(config, JSON.stringify({ sockets: { health } }));
    const words = `status --output json --config ${config}`;
    expect(await run(words, "full")).toEqual([1, FULL]);
    expect(await run(words, "closed")).toEqual([0, ""]);
  });

  it("does not change the exit status of a check", async () => {
    const path = join(import.meta.dirname, "../../packages/packaging/files/config.example.yaml");
    expect(await run(`config check ${path}`, "full")).toEqual([0, expect.stringContaining(FULL)]);
    expect(await run("config check /nowhere", "full")).toEqual([1, expect.stringContaining("config-unreadable")]);
    expect(await run("status --config /nowhere", "closed")).toEqual([1, expect.any(String)]);
  });
});
