import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { readDaemonEnvironment } from "./daemon-environment.ts";

function rootWith(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "environment-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

describe("readDaemonEnvironment", () => {
  test("finds that of the daemon, and of no other command or program", () => {
    const root = rootWith({
      "proc/1/cmdline": "/sbin/init\0serve\0",
      "proc/2/cmdline": "ocir-broker\0doctor\0",
      "proc/2/environ": "WRONG=1\0",
      "proc/30/cmdline": "/usr/local/bin/ocir-broker\0serve\0",
      "proc/30/environ": "HOME=/\0HTTPS_PROXY=http://a=b\0broken\0=x\0",
      "proc/self/cmdline": "ocir-broker\0serve\0",
    });
    expect(readDaemonEnvironment(root)).toEqual({ HOME: "/", HTTPS_PROXY: "http://a=b" });
  });

  test("knows none where no daemon runs, or where it may not look", () => {
    expect(readDaemonEnvironment("/no/such/root")).toBeUndefined();
    expect(readDaemonEnvironment(rootWith({ "proc/30/cmdline": "ocir-broker\0serve\0" }))).toBeUndefined();
  });
});
