import { execFileSync } from "node:child_process";
import { chmodSync, closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { selectTransport } from "./notify-transport.ts";

let directory: string;

beforeEach(() => {
  directory = temporaryFolder();
});

afterEach(() => void vi.unstubAllEnvs());

it.each([
  {},
  { NOTIFY_SOCKET: "" },
  ...["", "0", "2", "-3", "03", "3 ", "3.5", "0x3", "1000000", "notify"].map((text) => ({
    OCIR_BROKER_NOTIFY_FD: text,
  })),
])("selectTransport returns undefined for %j", (environment) => {
  expect(selectTransport(environment)).toBeUndefined();
});

describe("the launcher's descriptor", () => {
  it("receives one write per message, even if there is also a socket", async () => {
    const path = join(directory, "messages");
    const descriptor = openSync(path, "w");
    const transport = selectTransport({ OCIR_BROKER_NOTIFY_FD: String(descriptor), NOTIFY_SOCKET: "/nowhere" });
    const texts: string[] = [];
    for (const message of [
      { ready: true, status: "serving", fields: ["WATCHDOG=1"] },
      { fields: ["STOPPING=1"] },
      { status: "" },
    ] as const) {
      // Written before the promise settles, so a message right before the exit arrives.
      const said = transport?.send(message);
      texts.push(readFileSync(path, "utf8").slice(texts.join("").length));
      await said;
    }
    closeSync(descriptor);
    expect(texts).toEqual(["READY=1\nSTATUS=serving\nWATCHDOG=1", "STOPPING=1", "STATUS="]);
  });

  it("never blocks, and fails with EAGAIN when the reader does not read", async () => {
    const fifo = join(directory, "fifo");
    execFileSync("mkfifo", [fifo]);
    const { O_RDWR, O_NONBLOCK } = await import("node:fs").then(({ constants }) => constants);
    const descriptor = openSync(fifo, O_RDWR | O_NONBLOCK);
    const transport = selectTransport({ OCIR_BROKER_NOTIFY_FD: String(descriptor) });
    const full = (async () => {
      for (;;) await transport?.send({ status: "x".repeat(4_000) });
    })();
    await expect(full).rejects.toMatchObject({ code: "EAGAIN" });
    closeSync(descriptor);
  });
});

describe("the program systemd-notify", () => {
  /** A program that replaces it and records its arguments. */
  function setUp(script = "") {
    const path = join(directory, "systemd-notify");
    const calls = join(directory, "calls");
    writeFileSync(path, `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >> ${calls}\n${script}\n`);
    chmodSync(path, 0o755);
    // The package reads both from the process's environment.
    vi.stubEnv("PATH", `${directory}:${process.env["PATH"]}`);
    vi.stubEnv("NOTIFY_SOCKET", "/run/notify");
    return {
      transport: selectTransport({ ...process.env }),
      calls: () => readFileSync(calls, "utf8").trimEnd().split("\n"),
    };
  }

  it("receives READY and STATUS as options, and other fields unchanged", async () => {
    const { transport, calls } = setUp();
    await transport?.send({ ready: true, status: "serving 1 registry host", fields: ["WATCHDOG=1"] });
    await transport?.send({ status: "serving 2" });
    await transport?.send({ fields: ["RELOADING=1", "MONOTONIC_USEC=5"] });
    expect(calls()).toEqual([
      `/run/notify --ready --pid=${process.pid} --status=serving 1 registry host`,
      "/run/notify WATCHDOG=1",
      `/run/notify --pid=${process.pid} --status=serving 2`,
      "/run/notify RELOADING=1 MONOTONIC_USEC=5",
    ]);
  });

  it.each([{ ready: true }, { fields: ["WATCHDOG=1"] }] as const)("rejects %j when it fails", async (message) => {
    const { transport } = setUp("echo broken >&2; exit 1");
    await expect(transport?.send(message)).rejects.toBeDefined();
  });

  it.each([{ ready: true }, { fields: ["WATCHDOG=1"] }] as const)("rejects %j when it is missing", async (message) => {
    vi.stubEnv("PATH", directory);
    const transport = selectTransport({ NOTIFY_SOCKET: "/run/notify", PATH: directory });
    await expect(transport?.send(message)).rejects.toMatchObject({ code: "ENOENT" });
  });
});
