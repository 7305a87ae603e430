/** Which process counts as the kubelet, and which program is run for its version. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { CONFIG_FLAG, detectKubelet, unitValues } from "./kubelet.ts";
import { createNodeFiles } from "./node-files.ts";
import type { RunProgram } from "./program-run.ts";

function makeNode() {
  const root = mkdtempSync(join(tmpdir(), "kubelet-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const ran: string[] = [];
  const runProgram: RunProgram = async ({ path }) => {
    ran.push(path.slice(root.length));
    const stdout = path.endsWith("/node") ? "v26.10.0\n" : "Kubernetes v1.33.1\n";
    return { exitCode: 0, signal: null, stdout, stderr: "", elapsedMs: 1 };
  };
  const write = (path: string, text: string, mode = 0o644): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    chmodSync(join(root, path), mode);
  };
  return {
    root,
    ran,
    write,
    process(pid: number, cgroup: string, executes: string, args: readonly string[]): void {
      write(`/proc/${pid}/cmdline`, `${args.join("\0")}\0`);
      write(`/proc/${pid}/cgroup`, `0::${cgroup}\n`);
      symlinkSync(`../..${executes}`, join(root, `/proc/${pid}/exe`));
    },
    look: () => detectKubelet(createNodeFiles(root), runProgram),
    values: () => unitValues(createNodeFiles(root), CONFIG_FLAG),
  };
}

const UNIT = "/system.slice/kubelet.service";
const THEIRS = "/user.slice/user-65534.slice/user@65534.service/app.slice/kubelet.service";

describe("detectKubelet", () => {
  test("runs what the unit's process executes, not what it calls itself, and no other's", async () => {
    const node = makeNode();
    node.write("/tmp/kubelet", "", 0o755);
    node.write("/opt/bin/kubelet", "", 0o755);
    node.process(1, THEIRS, "/tmp/kubelet", ["/tmp/kubelet", `${CONFIG_FLAG}=/tmp/theirs`]);
    node.process(40, UNIT, "/opt/bin/kubelet", ["/tmp/kubelet", `${CONFIG_FLAG}=/etc/ours`]);
    expect(await node.look()).toEqual({
      pid: 40,
      program: "/opt/bin/kubelet",
      configPath: "/etc/ours",
      binDirectory: undefined,
      minor: 33,
    });
    expect(node.ran).toEqual(["/opt/bin/kubelet"]);
  });

  test("does not run a program that others may change", async () => {
    const node = makeNode();
    node.write("/opt/bin/kubelet", "", 0o757);
    node.write("/usr/bin/kubelet", "", 0o755);
    node.process(40, UNIT, "/opt/bin/kubelet", ["kubelet"]);
    expect(await node.look()).toMatchObject({ distrusted: "/opt/bin/kubelet has mode 757", minor: undefined });
    expect(node.ran).toEqual([]);
  });

  test("asks the installed kubelet if the process executes something else, or a file that is replaced", async () => {
    const node = makeNode();
    node.write("/usr/bin/kubelet", "", 0o755);
    node.write("/usr/bin/node", "", 0o755);
    node.process(40, UNIT, "/usr/bin/node", ["/usr/bin/kubelet"]);
    expect(await node.look()).toMatchObject({ program: "/usr/bin/node", minor: 33 });
    rmSync(join(node.root, "/proc/40/exe"));
    symlinkSync("../../usr/bin/kubelet (deleted)", join(node.root, "/proc/40/exe"));
    expect(await node.look()).toMatchObject({ pid: 40, minor: 33 });
    chmodSync(join(node.root, "/usr/bin"), 0o777);
    expect(await node.look()).toMatchObject({ pid: 40, minor: undefined });
    expect(node.ran).toEqual(["/usr/bin/node", "/usr/bin/kubelet", "/usr/bin/kubelet"]);
  });
});

describe("unitValues", () => {
  test("has what every file of the unit says, in each form", () => {
    const node = makeNode();
    const forms = [
      `ExecStart=/usr/bin/kubelet ${CONFIG_FLAG}=/a \\\n  --v=2\n`,
      `Environment="KUBELET_EXTRA_ARGS=${CONFIG_FLAG} /b --v=2"\n`,
      `Environment="KUBELET_EXTRA_ARGS='${CONFIG_FLAG}=/of ours/c' '--v=2'"\n`,
      `KUBELET_EXTRA_ARGS='${CONFIG_FLAG.replaceAll(/(?<=\w)-/g, "_")}=/d --v=2'\n`,
      `# ${CONFIG_FLAG}=/comment\n; ${CONFIG_FLAG}=/comment\n`,
      `KUBELET_EXTRA_ARGS="${CONFIG_FLAG}= --v=2"\n`,
    ];
    for (const [at, form] of forms.entries()) node.write(`/etc/systemd/system/kubelet.service.d/${at}.conf`, form);
    expect(node.values()).toEqual(["/a", "/b", "/of ours/c", "/d"]);
  });
});
