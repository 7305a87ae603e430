import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
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
      const said = transport?.(message);
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
      for (;;) await transport?.({ status: "x".repeat(4_000) });
    })();
    await expect(full).rejects.toMatchObject({ code: "EAGAIN" });
    closeSync(descriptor);
  });
});

/** Its success: test/system/daemon-in-its-unit.test.ts. */
describe("the program systemd-notify", () => {
  it.each([{ ready: true }, { fields: ["WATCHDOG=1"] }] as const)("rejects %j when it fails", async (message) => {
    writeFileSync(join(directory, "systemd-notify"), "#!/bin/sh\necho broken >&2; exit 1\n", { mode: 0o755 });
    // The package reads both from the process's environment.
    vi.stubEnv("PATH", `${directory}:${process.env["PATH"]}`);
    vi.stubEnv("NOTIFY_SOCKET", "/run/notify");
    await expect(selectTransport({ ...process.env })?.(message)).rejects.toBeDefined();
  });

  it.each([{ ready: true }, { fields: ["WATCHDOG=1"] }] as const)("rejects %j when it is missing", async (message) => {
    vi.stubEnv("PATH", directory);
    const transport = selectTransport({ NOTIFY_SOCKET: "/run/notify", PATH: directory });
    await expect(transport?.(message)).rejects.toMatchObject({ code: "ENOENT" });
  });
});
