import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { createNodeFiles, type NodeFiles } from "./node-files.ts";
import { findService, isInUnit } from "./node-service.ts";
import type { ProgramResult, RunProgram } from "./program-run.ts";

const UNIT = "0::/system.slice/kubelet.service\n";

/** Processes by process id: arguments and control group. */
function nodeWith(processes: Readonly<Record<number, readonly [cmdline: string, cgroup: string]>>): NodeFiles {
  const root = mkdtempSync(join(tmpdir(), "node-service-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "run/systemd/system"), { recursive: true });
  for (const [pid, [cmdline, cgroup]] of Object.entries(processes)) {
    mkdirSync(join(root, "proc", pid), { recursive: true });
    writeFileSync(join(root, "proc", pid, "cmdline"), cmdline);
    writeFileSync(join(root, "proc", pid, "cgroup"), cgroup);
  }
  return createNodeFiles(root);
}

/** Pretends that these files are at `/`, so that systemd is asked. */
const asOwnNode = (files: NodeFiles): NodeFiles => ({ ...files, locate: (path) => path });

const answer =
  (result: Partial<Extract<ProgramResult, { stdout: string }>>): RunProgram =>
  async () => ({ exitCode: 0, signal: null, stdout: "", stderr: "", elapsedMs: 1, ...result });
const noSystemd: RunProgram = async () => ({ failure: "ENOENT" });

describe("isInUnit", () => {
  test.each([
    UNIT,
    "0::/system.slice/kubelet.service/supervise\n",
    "12:cpu,cpuacct:/system.slice\n1:name=systemd:/system.slice/kubelet.service\n0::/\n",
  ])("knows a process of the unit by %j", (cgroup) => expect(isInUnit(cgroup, "kubelet.service")).toBe(true));

  test.each([
    "",
    "0::/system.slice/kubelet.service.d\n",
    "0::/user.slice/user-65534.slice/user@65534.service/app.slice/kubelet.service\n",
    "0::/user.slice/user-65534.slice/user@65534.service/system.slice/kubelet.service\n",
    "0::/kubepods.slice/kubepods-pod1.slice/crio-2.scope/system.slice/kubelet.service\n",
    "0::/../../system.slice/kubelet.service\n",
    "4:memory:/system.slice/kubelet.service\n1:name=systemd:/user.slice\n0::/system.slice/kubelet.service\n",
    "4:memory:/system.slice/kubelet.service\n",
  ])("takes no other for one: %j", (cgroup) => expect(isInUnit(cgroup, "kubelet.service")).toBe(false));
});

describe("findService", () => {
  test("believes systemd, and no process that only has the name", async () => {
    const files = asOwnNode(nodeWith({ 7: ["/tmp/kubelet\0", UNIT], 40: ["/usr/bin/kubelet\0--v=2\0", UNIT] }));
    expect(await findService("kubelet.service", files, answer({ stdout: "40\n" }))).toEqual({
      pid: 40,
      args: ["/usr/bin/kubelet", "--v=2"],
    });
    expect(await findService("kubelet.service", files, answer({ stdout: "0\n" }))).toBeUndefined();
  });

  test("takes the program that the main process, a shell, has started", async () => {
    const files = asOwnNode(nodeWith({ 7: ["sh\0/start\0", UNIT], 8: ["/usr/bin/kubelet\0", UNIT] }));
    expect(await findService("kubelet.service", files, answer({ stdout: "7\n" }))).toMatchObject({ pid: 8 });
  });

  test.each([
    ["is not there", noSystemd],
    ["fails", answer({ exitCode: 1, stdout: "5\n" })],
    ["says something else", answer({ stdout: "no\n" })],
  ])("goes by the control group if systemctl %s", async (_what, runProgram) => {
    const hostile = "0::/user.slice/user@65534.service/kubelet.service\n";
    const files = asOwnNode(nodeWith({ 5: ["/tmp/kubelet\0", hostile], 40: ["/usr/bin/kubelet\0", UNIT] }));
    expect(await findService("kubelet.service", files, runProgram)).toMatchObject({ pid: 40 });
  });

  test("finds none in the tree of another node, whose systemd cannot be asked, but by the control group", async () => {
    const files = nodeWith({ 40: ["", UNIT], 41: ["/usr/bin/kubelet\0", "0::/\n"] });
    expect(await findService("kubelet.service", files, answer({ stdout: "41\n" }))).toBeUndefined();
  });
});
