/** Which process counts as the kubelet, and which program is run for its version. */
import { describe, expect, test } from "vitest";
import { createNodeTree } from "../test/node-tree.ts";
import { printed } from "../test/program-double.ts";
import { detectKubelet } from "./kubelet.ts";
import { CONFIG_FLAG, unitValues } from "./kubelet-unit.ts";
import { createNodeFiles } from "./node-files.ts";
import type { RunProgram } from "./program-run.ts";

function makeNode() {
  const tree = createNodeTree();
  const { root } = tree;
  const ran: string[] = [];
  const runProgram: RunProgram = async ({ path }) => {
    ran.push(path.slice(root.length));
    return printed(path.endsWith("/node") ? "v26.10.0\n" : "Kubernetes v1.33.1\n");
  };
  return {
    ...tree,
    ran,
    look: () => detectKubelet(createNodeFiles(root), runProgram),
    values: () => unitValues(createNodeFiles(root), CONFIG_FLAG),
  };
}

const UNIT = "0::/system.slice/kubelet.service";
const THEIRS = "0::/user.slice/user-65534.slice/user@65534.service/app.slice/kubelet.service";

describe("detectKubelet", () => {
  test("runs the installed program, not the name in the unit's arguments, and no other process", async () => {
    const node = makeNode();
    node.write("/tmp/kubelet", "", 0o755);
    node.write("/opt/bin/kubelet", "", 0o755);
    node.process(1, THEIRS, ["/tmp/kubelet", `${CONFIG_FLAG}=/tmp/theirs`]);
    node.process(40, UNIT, ["/tmp/kubelet", `${CONFIG_FLAG}=/etc/ours`]);
    expect(await node.look()).toEqual({
      pid: 40,
      config: "/etc/ours",
      binDir: undefined,
      minor: 33,
      runtime: "containerd",
    });
    expect(node.ran).toEqual(["/opt/bin/kubelet"]);
  });

  test.each([
    ["CRI-O", ["--config=/etc/kubelet.json", "--container-runtime-endpoint", "unix:///var/run/crio/crio.sock"]],
    ["CRI-O", ["--config=/etc/kubelet.yaml"]],
    ["containerd", ["--config=/etc/kubelet.json"]],
    ["containerd", []],
    [undefined, ["--config=/etc/missing"]],
    [undefined, ["--container-runtime-endpoint=unix:///run/other.sock"]],
  ])("finds the runtime %s by the flags %j", async (runtime, flags) => {
    const node = makeNode();
    const yaml = "kind: KubeletConfiguration\ncontainerRuntimeEndpoint: unix:///run/crio/crio.sock\n";
    node.write("/etc/kubelet.yaml", yaml);
    node.write("/etc/kubelet.json", '{"containerRuntimeEndpoint":"unix:///run/containerd/containerd.sock"}');
    node.process(40, UNIT, ["kubelet", ...flags]);
    expect((await node.look())?.runtime).toBe(runtime);
  });

  test("does not run a program that other users can change", async () => {
    const node = makeNode();
    node.write("/usr/bin/kubelet", "", 0o757);
    node.process(40, UNIT, ["kubelet"]);
    expect(await node.look()).toMatchObject({ pid: 40, minor: undefined });
    expect(node.ran).toEqual([]);
  });
});

test("unitValues reads every form of the flag from every file of the unit", () => {
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
