/** The kubelet's flags as a recorded change: applied by a run, shown, and restored first. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { OWN_DROP_IN } from "@ocir-broker/node/kubelet-unit";
import { createNodeFiles, textOf } from "@ocir-broker/node/node-files";
import type { RunProgram } from "@ocir-broker/node/program-run";
import { createNodeTree } from "@ocir-broker/node/test/node-tree";
import { printed } from "@ocir-broker/node/test/program-double";
import { expect, it } from "vitest";
import { nodeContextAt } from "../../test/node-context.ts";
import { createNodeRun } from "../node-run.ts";
import { adoptRecognised } from "../recognise.ts";
import { changedPaths, RECORD } from "../run/record.ts";
import { connection } from "./connect.ts";
import { restoreConnection, restoreFlags } from "./disconnect.ts";

const CONFIG = "/etc/kubernetes/credential-provider-config.yaml";
const DEFAULTS = "/etc/default/kubelet";
const UNIT = `[Service]
EnvironmentFile=-${DEFAULTS}
ExecStart=/usr/bin/kubelet $KUBELET_EXTRA_ARGS
`;
const CONNECT = { kubeletFlags: true, kubeletVersion: "1.34" };

function createNode() {
  const tree = createNodeTree();
  const files = createNodeFiles(tree.root);
  tree.write("/usr/lib/systemd/system/kubelet.service", UNIT);
  tree.write("/run/systemd/system/.none", "");
  const read = (path: string) => textOf(files.readText(path));
  const systemd = { reads: true, reloads: 0 };
  const runProgram: RunProgram = async ({ args }) => {
    if (args[0] !== "daemon-reload") return printed("", { exitCode: 1 });
    systemd.reloads += 1;
    return printed("", { exitCode: systemd.reads ? 0 : 1 });
  };
  const node = nodeContextAt(tree.root, { runProgram });
  const newRun = () => createNodeRun(node);
  return {
    ...tree,
    systemd,
    read,
    record: () => newRun().run.record(),
    flagsFile: () => changedPaths(newRun().run.record(), "kubelet-flags")[0],
    async connect() {
      const run = newRun();
      await run.run.apply((await connection(run, CONNECT)).steps);
      run.run.commit("1.2.3");
    },
    async disconnect() {
      const run = newRun();
      await adoptRecognised(run);
      const flags = await restoreFlags(run);
      const { isRestored } = await restoreConnection(run, flags);
      run.run.finishRestoring({ isRemoved: false });
      return { ...flags, isRestored, left: run.run.left().map(({ path }) => path) };
    },
  };
}

it.each([
  ["a new file", undefined, OWN_DROP_IN],
  ["a file that sets other arguments", "KUBELET_EXTRA_ARGS=--v=2\n", DEFAULTS],
])("adds the flags to %s, names it, and restores it", async (_, before, file) => {
  const node = createNode();
  if (before !== undefined) node.write(DEFAULTS, before);
  await node.connect();
  expect(node.read(file)).toContain(`--image-credential-provider-config=${CONFIG}`);
  expect(node.flagsFile()).toBe(file);
  expect(await node.disconnect()).toMatchObject({ had: true, areRestored: true, isRestored: true, left: [] });
  expect([node.read(file), node.read(CONFIG), node.flagsFile()]).toEqual([before, undefined, undefined]);
  expect([node.systemd.reloads, node.record().files]).toEqual([1, {}]);
});

it.each([
  ["takes the configuration", true, []],
  ["leaves the configuration, if the record is lost,", false, [CONFIG]],
])("%s from a running kubelet that has our flags", async (_, isRecorded, left) => {
  const node = createNode();
  await node.connect();
  const [, flags = ""] = /KUBELET_EXTRA_ARGS=([^"]*)/.exec(node.read(OWN_DROP_IN) ?? "") ?? [];
  node.process(7, "0::/system.slice/kubelet.service", ["kubelet", ...flags.split(" ")]);
  if (!isRecorded) rmSync(join(node.root, RECORD));
  expect(await node.disconnect()).toMatchObject({ areRestored: true, left });
  expect(node.read(OWN_DROP_IN)).toBeUndefined();
});

it("leaves the configuration when systemd may still start the kubelet with the flags", async () => {
  const node = createNode();
  await node.connect();
  node.systemd.reads = false;
  expect(await node.disconnect()).toMatchObject({ areRestored: false, left: [CONFIG] });
  expect(node.read(CONFIG)).toContain("credential-provider-oke");
  node.systemd.reads = true;
  await node.disconnect();
  expect([node.read(OWN_DROP_IN), node.read(CONFIG)]).toEqual([undefined, undefined]);
});

it("leaves flags and configuration when somebody else has changed the file with the flags", async () => {
  const node = createNode();
  await node.connect();
  const theirs = `${node.read(OWN_DROP_IN)}Nice=1\n`;
  node.write(OWN_DROP_IN, theirs);
  expect((await node.disconnect()).left).toEqual([OWN_DROP_IN, CONFIG]);
  expect([node.read(OWN_DROP_IN), node.read(CONFIG)]).toEqual([theirs, expect.stringContaining("providers")]);
});
