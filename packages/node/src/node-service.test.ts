import { describe, expect, test } from "vitest";
import { createNodeTree } from "../test/node-tree.ts";
import { printed } from "../test/program-double.ts";
import { createNodeFiles, type NodeFiles } from "./node-files.ts";
import { findKubelet, isInUnit } from "./node-service.ts";
import type { RunProgram } from "./program-run.ts";

const UNIT = "0::/system.slice/kubelet.service";

/** Processes by process id: arguments and control group. */
function nodeWith(processes: Readonly<Record<number, readonly [args: string, cgroup: string]>>): NodeFiles {
  const tree = createNodeTree();
  tree.write("/run/systemd/system/x", "");
  for (const [pid, [args, cgroup]] of Object.entries(processes))
    tree.process(Number(pid), cgroup, args.split(" ").filter(Boolean));
  return createNodeFiles(tree.root);
}

/** Pretends that these files are at `/`, so that systemd is asked. */
const asOwnNode = (files: NodeFiles): NodeFiles => ({ ...files, locate: (path) => path });

const answer =
  (stdout: string, exitCode = 0): RunProgram =>
  async () =>
    printed(stdout, { exitCode });

describe("isInUnit", () => {
  test.each([
    UNIT,
    "0::/system.slice/kubelet.service/supervise\n",
    "12:cpu,cpuacct:/system.slice\n1:name=systemd:/system.slice/kubelet.service\n0::/\n",
  ])("accepts a process of the unit: %j", (cgroup) => expect(isInUnit(cgroup)).toBe(true));

  test.each([
    "",
    "0::/system.slice/kubelet.service.d\n",
    "0::/user.slice/user-65534.slice/user@65534.service/app.slice/kubelet.service\n",
    "0::/user.slice/user-65534.slice/user@65534.service/system.slice/kubelet.service\n",
    "0::/kubepods.slice/kubepods-pod1.slice/crio-2.scope/system.slice/kubelet.service\n",
    "0::/../../system.slice/kubelet.service\n",
    "4:memory:/system.slice/kubelet.service\n1:name=systemd:/user.slice\n0::/system.slice/kubelet.service\n",
    "4:memory:/system.slice/kubelet.service\n",
  ])("rejects a process outside the unit: %j", (cgroup) => expect(isInUnit(cgroup)).toBe(false));
});

describe("findKubelet", () => {
  test("uses the process that systemd names, not one with the same name", async () => {
    const files = asOwnNode(nodeWith({ 7: ["/tmp/kubelet", UNIT], 40: ["/usr/bin/kubelet --v=2", UNIT] }));
    expect(await findKubelet(files, answer("40\n"))).toEqual({ pid: 40, args: ["/usr/bin/kubelet", "--v=2"] });
    expect(await findKubelet(files, answer("0\n"))).toBeUndefined();
  });

  test("returns the child process when the main process is a shell", async () => {
    const files = asOwnNode(nodeWith({ 7: ["sh /start", UNIT], 8: ["/usr/bin/kubelet", UNIT] }));
    expect(await findKubelet(files, answer("7\n"))).toMatchObject({ pid: 8 });
  });

  test.each<[string, RunProgram]>([
    ["is not there", async () => ({ failure: "ENOENT" })],
    ["fails", answer("5\n", 1)],
    ["says something else", answer("no\n")],
  ])("uses the control group when systemctl %s", async (_what, runProgram) => {
    const hostile = "0::/user.slice/user@65534.service/kubelet.service";
    const files = asOwnNode(nodeWith({ 5: ["/tmp/kubelet", hostile], 40: ["/usr/bin/kubelet", UNIT] }));
    expect(await findKubelet(files, runProgram)).toMatchObject({ pid: 40 });
  });

  test("uses only the control group in another node's tree, whose systemd cannot be queried", async () => {
    const files = nodeWith({ 40: ["", UNIT], 41: ["/usr/bin/kubelet", "0::/"] });
    expect(await findKubelet(files, answer("41\n"))).toBeUndefined();
  });
});
