import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createSystemClock } from "@ocir-broker/foundation";
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

const clock = createSystemClock();
const UNIT = "0::/system.slice/ocir-broker.service\n";

describe("readDaemonEnvironment", () => {
  test("is that of the unit's process, and of no other that has its name", async () => {
    const root = rootWith({
      "proc/2/cmdline": "ocir-broker\0serve\0",
      "proc/2/cgroup": "0::/user.slice/user-65534.slice/user@65534.service/app.slice/ocir-broker.service\n",
      "proc/2/environ": "HTTPS_PROXY=http://theirs\0",
      "proc/30/cmdline": "/usr/local/bin/ocir-broker\0serve\0",
      "proc/30/cgroup": UNIT,
      "proc/30/environ": "HOME=/\0HTTPS_PROXY=http://a=b\0broken\0=x\0",
    });
    expect(await readDaemonEnvironment(root, clock)).toEqual({ HOME: "/", HTTPS_PROXY: "http://a=b" });
    rmSync(join(root, "proc/30"), { recursive: true });
    expect(await readDaemonEnvironment(root, clock)).toBeUndefined();
  });

  test("is unknown if this user may not look", async () => {
    expect(await readDaemonEnvironment("/no/such/root", clock)).toBeUndefined();
    const root = rootWith({ "proc/30/cmdline": "ocir-broker\0serve\0", "proc/30/cgroup": UNIT });
    expect(await readDaemonEnvironment(root, clock)).toBeUndefined();
  });
});
