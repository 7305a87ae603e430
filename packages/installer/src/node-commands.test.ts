import { createHash } from "node:crypto";
import fs from "node:fs";
import { basename, dirname } from "node:path";
import { OWN_DROP_IN } from "@ocir-broker/node/kubelet-unit";
import type { RunProgram } from "@ocir-broker/node/program-run";
import { printed } from "@ocir-broker/node/test/program-double";
import { BROKER_PROGRAM, DISABLED_FILE, PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import { createImpatientClock } from "@ocir-broker/testkit/impatient-clock";
import { describe, expect, it, vi } from "vitest";
import {
  archive,
  CONFIG,
  CONNECT,
  createNode,
  install,
  installedNode,
  LIBRARY,
  NEVER,
  type Node,
  OTHER_PROVIDER,
} from "../test/image-node.ts";
import { fileSystemThat, Killed, killedAt } from "../test/killed-at.ts";
import { DO_NOTHING_PROGRAM, PLUGIN, PROGRAM, SHIM } from "./installed-files.ts";
import type { ConnectOptions } from "./kubelet/kubelet-paths.ts";
import { connectNode, describeSteps, disconnectNode, installNode, removeNode, statusOfNode } from "./node-commands.ts";
import { disable, enable } from "./off-switch.ts";
import { LAST } from "./remove.ts";
import { describeRemoval } from "./remove-dry-run.ts";
import { createDisk } from "./run/disk.ts";
import { RECORD } from "./run/record.ts";
import type { NodeContext } from "./system/node-context.ts";

const ALL = { isUnfinished: false };
const FLAGS = `--image-credential-provider-config=${CONFIG} --image-credential-provider-bin-dir=${dirname(PLUGIN)}`;

function withSilentManager(node: Node): Node {
  const runProgram: RunProgram = async (run) => (run.path === "dpkg" ? { silent: true } : node.context.runProgram(run));
  return { ...node, context: { ...node.context, runProgram } };
}

/** @param owner the package manager that knows the files. */
function createPackageNode(owner: "dpkg" | "rpm") {
  const node = createNode({ owner });
  for (const path of [PROGRAM, SHIM, DO_NOTHING_PROGRAM]) node.write(path, "", 0o755);
  return node;
}

const PACKAGED = [PROGRAM, LIBRARY, SHIM, DO_NOTHING_PROGRAM, "/usr/lib/systemd/system/ocir-broker.service"];

/** A node on which a run is killed for good before it changes the path. */
function killedBefore(node: Node, path: string): Node {
  let isKilled = false;
  const killed = fileSystemThat((_, __, ...paths) => {
    isKilled ||= paths.includes(node.context.disk.at(path));
    if (isKilled) throw new Killed();
  });
  return { ...node, context: { ...node.context, disk: createDisk(node.root, killed) } };
}

describe("installNode", () => {
  it("upgrades and connects a node, and removeNode restores every byte", async () => {
    const node = createNode();
    const given = "log: {level: debug}\n";
    expect(await install(node, archive("1"), { given })).toMatchObject({ ok: true, flags: { config: CONFIG } });
    expect(await install(node, archive("2"))).toMatchObject({ ok: true });
    expect(node.through(PLUGIN)).toBe(`${SHIM} 2`);
    expect(node.read(CONFIG)).toContain("credential-provider-oke");
    expect(await removeNode(node.context, NEVER, ALL)).toMatchObject({ ok: true });
    // For the configuration, which an administrator may have written.
    expect(node.snapshot().filter((line) => !line.startsWith("etc/ocir-broker "))).toEqual(node.before);
  });

  it("keeps its record through a link to another disk, and leaves the link when it is removed", async () => {
    const node = createNode();
    const { at } = node.context.disk;
    fs.mkdirSync(at("/data"));
    fs.symlinkSync("../../data", at(dirname(RECORD)));
    expect(await install(node, archive("1"))).toMatchObject({ ok: true });
    expect(fs.readdirSync(at("/data"))).toContain(basename(RECORD));
    expect(await removeNode(node.context, NEVER, ALL)).toMatchObject({ ok: true });
    expect(fs.readlinkSync(at(dirname(RECORD)))).toBe("../../data");
    expect(fs.readdirSync(at("/data"))).toEqual([]);
  });

  it("fails if the units cannot be enabled, as when one is masked, unless only a package's files are there", async () => {
    const unable = (node: Node): Node => {
      const { runProgram } = node.context;
      const refusing: typeof runProgram = async (run) =>
        run.args.includes("enable") ? printed("", { exitCode: 1 }) : runProgram(run);
      return { ...node, context: { ...node.context, runProgram: refusing } };
    };
    const node = createNode();
    expect(await install(unable(node), archive("1"))).toMatchObject({ ok: false, code: "service" });
    expect(node.snapshot()).toEqual(node.before);
    const ofPackage = unable(createPackageNode("dpkg"));
    expect(await install(ofPackage, undefined)).toMatchObject({ ok: false, code: "service" });
    expect(await install(ofPackage, undefined, { connect: undefined })).toMatchObject({ ok: true });
  });

  it("leaves everything as it was when the kubelet cannot be connected", async () => {
    const node = createNode();
    node.write(CONFIG, "not: valid\n");
    const before = node.snapshot();
    expect(await install(node, archive("1"))).toMatchObject({
      ok: false,
      code: "connect",
      steps: expect.arrayContaining([{ name: "programs", state: "undone" }]),
    });
    expect(node.snapshot()).toEqual(before);
  });

  it("refuses an archive with a damaged file, and leaves everything as it was", async () => {
    const node = createNode();
    const from = archive("1");
    fs.appendFileSync(`${from}${DO_NOTHING_PROGRAM}`, "!");
    const reason = expect.stringContaining("damaged");
    expect(await install(node, from)).toMatchObject({ ok: false, code: "archive", reason });
    expect(node.snapshot()).toEqual(node.before);
  });

  it("enables the units once, because an administrator may disable them", async () => {
    const node = await installedNode();
    expect(node.units.areEnabled).toBe(true);
    node.units.areEnabled = false;
    await install(node, archive("2"));
    expect(node.units.areEnabled).toBe(false);
  });

  it("installs no file outside /usr", async () => {
    const node = createNode();
    const from = archive("1");
    fs.mkdirSync(`${from}/etc`);
    fs.writeFileSync(`${from}/etc/planted`, "");
    fs.appendFileSync(`${from}/SHA256SUMS`, `${createHash("sha256").digest("hex")}  usr/../etc/planted\n`);
    expect(await install(node, from)).toMatchObject({ ok: true });
    expect(node.snapshot().filter((line) => line.startsWith("etc/planted"))).toEqual([]);
  });

  it.each([
    [true, false],
    [false, true],
  ])("uses a package whose daemon does not respond, unless the kubelet is connected: %s", async (connect, ok) => {
    const node = createPackageNode("dpkg");
    node.write("/run/systemd/system/.none", "");
    const context: NodeContext = {
      ...node.context,
      clock: createImpatientClock(),
      runProgram: (run) =>
        run.path.endsWith(SHIM)
          ? Promise.resolve(printed("", { exitCode: 1, stderr: "ocir-broker: shim-timeout: no answer" }))
          : node.context.runProgram(run),
    };
    const installed = await install({ ...node, context }, undefined, { connect: connect ? CONNECT : undefined });
    expect(installed).toMatchObject(ok ? { ok } : { ok, code: "plugin" });
    expect(node.read(CONFIG).includes(PLUGIN_NAME)).toBe(false);
  });

  it("requests the archive when the files are missing", async () => {
    const node = createNode();
    const reason = expect.stringMatching("is missing, .* install from the archive");
    expect(await install(node, undefined)).toMatchObject({ ok: false, code: "unfinished", reason });
    await install(node, archive("1"));
    expect(await install(node, undefined)).toMatchObject({ ok: true });
  });

  it("replaces what another provider wrote through our link, and removeNode restores what was there before ours", async () => {
    const node = await installedNode();
    fs.writeFileSync(node.context.disk.at(SHIM), "later");
    expect(await install(node, undefined)).toMatchObject({ ok: false, code: "unfinished" });
    await install(node, archive("1"));
    expect(node.through(PLUGIN)).toBe(`${SHIM} 1`);
    await removeNode(node.context, NEVER, ALL);
    expect([node.read(PLUGIN), fs.existsSync(node.context.disk.at(SHIM))]).toEqual(["#!/bin/sh\n", false]);
  });

  it("uses the files of a package, and refuses to replace them by an archive", async () => {
    const node = createPackageNode("dpkg");
    expect(await install(node, archive("1"))).toMatchObject({ ok: false, code: "package" });
    expect(await install(node, undefined)).toMatchObject({ ok: true });
    await removeNode(node.context, NEVER, ALL);
    expect(node.read(PROGRAM)).toBe("");
  });

  it.each([
    ["of the same version", "1", true],
    ["of another version", "2", true],
    ["of the same version, whose script has not run", "1", false],
  ])("leaves an archive's files to a package %s", async (_which, version, hasRun) => {
    const node = createNode({ owner: "dpkg" });
    await install(node, archive("1"));
    node.write(SHIM, `${SHIM} ${version}`, 0o755);
    if (hasRun) expect(await install(node, undefined)).toMatchObject({ ok: true });
    expect(await describeRemoval(node.context, false)).not.toContain(SHIM);
    expect(await removeNode(node.context, NEVER, ALL)).toMatchObject({ ok: true, isPackage: true });
    expect(node.read(SHIM)).toBe(`${SHIM} ${version}`);
    expect(node.read("/usr/share/doc/ocir-broker/new-in-1")).toContain(" 1");
    expect(node.snapshot().filter((line) => /SHA256SUMS|_ocir-broker/.test(line))).toEqual([]);
  });

  it.each(["", "1"])(
    "leaves a package's files if a run over version %j from the archive was killed",
    async (version) => {
      const node = createNode({ owner: "dpkg" });
      if (version !== "") await install(node, archive(version));
      await install(killedBefore(node, "/usr/share/doc/ocir-broker/new-in-2"), archive("2"));
      for (const path of PACKAGED) node.write(path, `${path} 2`, 0o755);
      expect(await install(withSilentManager(node), undefined)).toMatchObject({ ok: false, code: "package" });
      expect(await install(node, undefined, { connect: undefined })).toMatchObject({ ok: true });
      expect(PACKAGED.map(node.read)).toEqual(PACKAGED.map((path) => `${path} 2`));
      expect(node.snapshot().filter((line) => /SHA256SUMS|_ocir-broker|\.ocir-broker-/.test(line))).toEqual([]);
    },
  );

  it("removes no program if the package manager does not answer", async () => {
    const node = createNode();
    await install(node, archive("1"));
    const result = await removeNode(withSilentManager(node).context, NEVER, ALL);
    expect(result).toMatchObject({ ok: false, code: "package" });
    expect(node.read(SHIM)).toBe(`${SHIM} 1`);
  });

  it("ends before its next step, with everything as it was, if a signal arrives", async () => {
    const node = createNode();
    const options = { from: archive("1"), connect: undefined, checkConfig() {} };
    expect(await installNode(node.context, AbortSignal.abort(), options)).toMatchObject({ ok: false, code: "killed" });
    expect(node.snapshot()).toEqual(node.before);
  });
});

describe("installNode with the configuration of the node's pool", () => {
  const BROKER_CONFIG = "/etc/ocir-broker/config.yaml";
  const OWN = "log: {level: debug}\n";
  const POOLS = "proxy: {https: http://user:password@proxy.example:3128}\n";
  const AUDIENCE = { ...CONNECT, serviceAccounts: "ocir" };

  function createConfiguredNode() {
    const node = createNode();
    node.write(BROKER_CONFIG, OWN, 0o640);
    const give = (given: string | undefined, connect?: ConnectOptions) =>
      install(node, archive("1"), { given, connect });
    return { ...node, give };
  }

  it("replaces the node's own file, which comes back when it is taken back or ocir-broker is removed", async () => {
    const node = createConfiguredNode();
    const before = node.snapshot();
    await node.give(undefined);
    const installed = node.snapshot();
    await node.give(POOLS);
    expect(node.read(BROKER_CONFIG)).toBe(POOLS);
    expect(await node.give("{}\n")).toMatchObject({ ok: true });
    expect(node.snapshot()).toEqual(installed);
    await node.give(POOLS);
    expect(await removeNode(node.context, NEVER, ALL)).toMatchObject({ ok: true });
    expect(node.snapshot()).toEqual(before);
  });

  it.each<[what: string, arrange: (node: ReturnType<typeof createConfiguredNode>) => unknown]>([
    ["there was no file", (node) => fs.rmSync(node.context.disk.at(BROKER_CONFIG))],
    ["all might read the node's own", (node) => node.write(BROKER_CONFIG, OWN, 0o644)],
    [
      "connectNode has written one that all may read",
      async (node) => {
        fs.rmSync(node.context.disk.at(BROKER_CONFIG));
        await node.give(undefined, AUDIENCE);
      },
    ],
  ])("writes files that only root may read, since a proxy's URL may have a password: %s", async (_, arrange) => {
    const node = createConfiguredNode();
    await arrange(node);
    const before = node.snapshot().filter((line) => line.startsWith("etc/ocir-broker/"));
    await node.give(POOLS);
    const modes = node.snapshot().filter((line) => line.includes("password"));
    expect(modes).toEqual([
      expect.stringMatching("^etc/ocir-broker/config.yaml 100600 "),
      `var/lib/ocir-broker/config.yaml 100600 ${POOLS}`,
    ]);
    await disconnectNode(node.context, NEVER, { isOnlyFlags: false });
    await node.give("");
    const after = node.snapshot().filter((line) => line.startsWith("etc/ocir-broker/"));
    expect(after).toEqual(before.filter((line) => !line.includes("tokenExchange")));
  });

  it("keeps the token exchange, whichever of the two was there first, until disconnectNode", async () => {
    const node = createConfiguredNode();
    const exchange = "serviceAccounts:\n  tokenExchange: oke\n  audience: ocir\n";
    await node.give(POOLS, AUDIENCE);
    const both = node.read(BROKER_CONFIG);
    expect(both).toBe(`${POOLS}\n${exchange}`);
    await node.give(POOLS, AUDIENCE);
    await node.give(undefined, CONNECT);
    expect(node.read(BROKER_CONFIG)).toBe(both);
    await node.give("log: {level: warn}\n");
    expect(node.read(BROKER_CONFIG)).toBe(`log: {level: warn}\n\n${exchange}`);
    await node.give("");
    expect(node.read(BROKER_CONFIG)).toBe(`${OWN}\n${exchange}`);
    await node.give(POOLS);
    expect(node.read(BROKER_CONFIG)).toBe(both);
    await disconnectNode(node.context, NEVER, { isOnlyFlags: false });
    expect(node.read(BROKER_CONFIG)).toBe(POOLS);
    expect(await connectNode(node.context, NEVER, AUDIENCE)).toMatchObject({ ok: true });
    expect(node.read(BROKER_CONFIG)).toBe(both);
  });

  it("leaves a file that was changed since, until another configuration is given", async () => {
    const node = createConfiguredNode();
    await node.give(POOLS);
    node.write(BROKER_CONFIG, "log: {level: warn}\n");
    await node.give(undefined, CONNECT);
    await disconnectNode(node.context, NEVER, { isOnlyFlags: false });
    expect(node.read(BROKER_CONFIG)).toBe("log: {level: warn}\n");
    await node.give("log: {level: error}\n");
    await removeNode(node.context, NEVER, ALL);
    expect(node.read(BROKER_CONFIG)).toBe("log: {level: warn}\n");
  });

  it("lets no warning quote a line of it, which may have a password", async () => {
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const { give } = createConfiguredNode();
    expect(await give("proxy: {https: !secret http://user:password@proxy.example:3128}\n")).toMatchObject({ ok: true });
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });

  it("gives a link back as a link", async () => {
    const node = createConfiguredNode();
    const path = node.context.disk.at(BROKER_CONFIG);
    fs.renameSync(path, `${path}.shared`);
    fs.symlinkSync("config.yaml.shared", path);
    await node.give(POOLS);
    await node.give("{}");
    expect(fs.readlinkSync(path)).toBe("config.yaml.shared");
  });
});

it.each([
  ["with", (_node: Node) => {}],
  ["without", (node: Node) => fs.rmSync(node.context.disk.at("/usr/lib/systemd/system/kubelet.service"))],
])("connectNode and disconnectNode change only the kubelet's files, on a node %s its unit", async (_, arrange) => {
  const node = createNode();
  arrange(node);
  await install(node, archive("1"), { connect: undefined });
  const before = node.read(CONFIG);
  expect(await connectNode(node.context, NEVER, CONNECT)).toMatchObject({ ok: true });
  expect(await statusOfNode(node.context)).toMatchObject({ ok: true, steps: [{ name: CONFIG, state: "done" }] });
  expect(await disconnectNode(node.context, NEVER, { isOnlyFlags: false })).toMatchObject({ ok: true });
  expect(node.read(CONFIG)).toBe(before);
  expect(node.through(PLUGIN)).toBe(`${SHIM} 1`);
});

it.each([
  ["is empty", ""],
  ["is truncated", '{"format":1,"files":{'],
  ["lacks its fields", '{"format":1}'],
  ["lacks its folders", '{"format":1,"files":{}}'],
  ["has a file without an entry", '{"format":1,"files":{"/usr/a":5},"folders":[]}'],
  ["has a run without files", '{"format":1,"files":{},"folders":[],"pending":{"undo":[]}}'],
  [
    "has a run with a file without a kind",
    '{"format":1,"files":{},"folders":[],"pending":{"undo":[],"files":{"/a":{}},"folders":[]}}',
  ],
  ["has null in place of a run", '{"format":1,"files":{},"folders":[],"pending":null}'],
  ["has null in place of a run's files", '{"format":1,"files":{},"folders":[],"pending":{"files":null}}'],
  ["is of a later release", '{"format":2,"files":{},"folders":[]}'],
])(
  "installNode and removeNode change nothing, and removeNode names what it cannot undo, when the record %s",
  async (_, damaged) => {
    const node = await installedNode();
    node.write(RECORD, damaged);
    const before = node.snapshot();
    expect(await install(node, archive("2"))).toMatchObject({ ok: false, code: "record" });
    expect(node.snapshot()).toEqual(before);
    const result = await removeNode(node.context, NEVER, ALL);
    expect(result).toMatchObject({ ok: false, code: "record" });
    expect(result.left?.map(({ path }) => path)).toEqual(expect.arrayContaining([dirname(PROGRAM), PLUGIN]));
    expect(node.snapshot()).toEqual(before);
  },
);

describe("a node whose record is lost", () => {
  async function nodeWithoutRecord() {
    const node = await installedNode();
    fs.rmSync(node.context.disk.at(RECORD));
    return { ...node, before: node.before.filter((line) => !/ 40755 $/.test(line)) };
  }

  it("says so in its status, and records everything at the next installation, also the kubelet's entry", async () => {
    const node = await nodeWithoutRecord();
    const reason = expect.stringContaining("is missing: install again");
    const connected = node.snapshot();
    expect(await statusOfNode(node.context)).toMatchObject({ ok: false, reason });
    expect(await connectNode(node.context, NEVER, {})).toMatchObject({ ok: false, code: "unfinished", reason });
    for (const isOnlyFlags of [true, false])
      expect(await disconnectNode(node.context, NEVER, { isOnlyFlags })).toMatchObject({ ok: false, reason });
    expect(node.snapshot()).toEqual(connected);
    expect(await install(node, archive("1"))).toMatchObject({ ok: true });
    expect(await statusOfNode(node.context)).toMatchObject({ ok: true, steps: [{ name: CONFIG, state: "done" }] });
    expect(await removeNode(node.context, NEVER, ALL)).not.toHaveProperty("left");
    expect(node.snapshot().filter((line) => !/ 40755 $/.test(line))).toEqual(node.before);
  });

  it("is removed except what no release has written, which is named", async () => {
    const node = await nodeWithoutRecord();
    const unit = "/usr/lib/systemd/system/ocir-broker.service";
    const added = `${dirname(PROGRAM)}/added`;
    for (const path of [unit, added]) node.write(path, "theirs");
    const why = expect.stringContaining("check it, then delete it");
    expect(await removeNode(node.context, NEVER, ALL)).toMatchObject({
      ok: true,
      left: [added, unit].map((path) => ({ path, why })),
    });
    const left = ["etc/ocir-broker", added.slice(1), unit.slice(1)];
    const isLeft = (line: string) => left.some((path) => line.startsWith(path));
    expect(node.snapshot().filter((line) => !/ 40755 $/.test(line) && !isLeft(line))).toEqual(node.before);
  });

  it("keeps Oracle's plugin and an entry of its name, and names the entry", async () => {
    const node = await nodeWithoutRecord();
    for (const path of [PLUGIN, "/var/lib/ocir-broker"]) fs.rmSync(node.context.disk.at(path), { recursive: true });
    node.write(PLUGIN, "Oracle's", 0o755);
    const config = node.read(CONFIG);
    const left = [{ path: CONFIG, why: expect.stringContaining("which may be Oracle's") }];
    expect(await removeNode(node.context, NEVER, ALL)).toMatchObject({ ok: true, left });
    expect([node.read(PLUGIN), node.read(CONFIG)]).toEqual(["Oracle's", config]);
  });

  it("keeps the files of a package, whose manager removes them", async () => {
    const node = createPackageNode("rpm");
    await install(node, undefined);
    fs.rmSync(node.context.disk.at(RECORD));
    expect(await removeNode(node.context, NEVER, ALL)).not.toHaveProperty("left");
    expect(node.read(PROGRAM)).toBe("");
  });
});

it("removeNode completes a removal that was killed, when a kubelet still names the plugin", async () => {
  const node = createNode();
  for (const path of [CONFIG, PLUGIN]) fs.rmSync(node.context.disk.at(path));
  await install(node, archive("1"));
  node.write("/etc/systemd/system/kubelet.service", `[Service]\nExecStart=/usr/bin/kubelet ${FLAGS}\n`);
  let record = "";
  const say = (line: string): void => {
    if (line.startsWith("programs: ")) record = node.read(RECORD);
  };
  await removeNode({ ...node.context, say }, NEVER, ALL);
  node.write(RECORD, record);
  expect(await removeNode(node.context, NEVER, ALL)).toMatchObject({
    ok: true,
    left: expect.arrayContaining([{ path: PLUGIN, why: expect.stringContaining("a kubelet may still name it") }]),
  });
  expect(node.read(PLUGIN)).toBe(`${DO_NOTHING_PROGRAM} 1`);
});

function withReadOnly({ context, root }: Node, folder: string): NodeContext {
  const readOnly = fileSystemThat((_, __, ...paths) => {
    if (paths.some((path) => String(path).startsWith(`${root}${folder}`)))
      throw Object.assign(new Error("EROFS: read-only file system"), { code: "EROFS" });
  });
  return { ...context, disk: createDisk(root, readOnly) };
}

it.each<[why: string, contextOf: (node: Node) => NodeContext]>([
  ["a configuration is read-only", (node) => withReadOnly(node, "/etc/kubernetes/")],
  ["it was killed", ({ context, root }) => ({ ...context, disk: createDisk(root, killedAt(30)) })],
])(
  "installNode enables the units again after a removal that has not ended, which connectNode refuses: %s",
  async (_, contextOf) => {
    const node = await installedNode();
    expect(await removeNode(contextOf(node), NEVER, ALL)).toMatchObject({ ok: false });
    expect(node.units.areEnabled).toBe(false);
    const refusal = { ok: false, code: "unfinished", reason: expect.stringContaining("a removal has not ended") };
    expect(await statusOfNode(node.context)).toMatchObject(refusal);
    expect(await connectNode(node.context, NEVER, CONNECT)).toMatchObject(refusal);
    expect(await install(node, archive("1"))).toMatchObject({ ok: true });
    expect([node.units.areEnabled, node.through(PLUGIN)]).toEqual([true, `${SHIM} 1`]);
    expect(await removeNode(node.context, NEVER, ALL)).toMatchObject({ ok: true });
    expect(node.snapshot().filter((line) => !line.startsWith("etc/ocir-broker "))).toEqual(node.before);
  },
);

it("removeNode leaves daemon and command as they are when a folder is read-only", async () => {
  const node = await installedNode();
  const failed = await removeNode(withReadOnly(node, "/usr/local/bin/"), NEVER, ALL);
  expect(failed).toMatchObject({ ok: false, code: "restore" });
  expect([node.units.areEnabled, node.through(BROKER_PROGRAM), node.through(PLUGIN)]).toEqual([
    true,
    `${PROGRAM} 1`,
    `${SHIM} 1`,
  ]);
  expect(await removeNode(node.context, NEVER, ALL)).toMatchObject({ ok: true });
});

it("removeNode removes the link that systemd leaves to the folder of the daemon's state", async () => {
  const node = await installedNode();
  const link = node.context.disk.at("/run/ocir-broker-state");
  fs.symlinkSync("private/ocir-broker-state", link);
  await removeNode(node.context, NEVER, ALL);
  expect(fs.lstatSync(link, { throwIfNoEntry: false })).toBeUndefined();
});

it("removeNode removes its command's name after all that can fail", async () => {
  const node = await installedNode();
  await removeNode(node.context, NEVER, ALL);
  expect(node.said.findLast((line) => line.includes(": removed"))).toContain(` ${BROKER_PROGRAM}: `);
});

it.each([
  [PLUGIN, "", 0o755],
  [CONFIG, OTHER_PROVIDER, 0o644],
])("statusOfNode advises to run connectNode if that would change %s", async (path, text, mode) => {
  const node = createNode();
  const context: NodeContext = { ...node.context, runProgram: async () => printed("Kubernetes v1.34.1\n") };
  await install(node, archive("1"));
  node.process(7, "0::/system.slice/kubelet.service", ["/usr/bin/kubelet", ...FLAGS.split(" ")]);
  node.write("/usr/bin/kubelet", "", 0o755);
  const needOfReader = async () => {
    node.write("/proc/7/stat", `7 (kubelet) S ${"0 ".repeat(18)}${Date.now()} 0`);
    return (await statusOfNode(context)).kubelet;
  };
  expect(await needOfReader()).toEqual({ kind: "nothing" });
  node.write(path, text, mode);
  expect(await needOfReader()).toEqual({ kind: "outdated" });
  await connectNode(context, NEVER, {});
  expect(await needOfReader()).toEqual({ kind: "nothing" });
});

it.each([
  ["disconnectNode", (context: NodeContext) => disconnectNode(context, NEVER, { isOnlyFlags: false })],
  ["removeNode", (context: NodeContext) => removeNode(context, NEVER, ALL)],
])("%s says that a running kubelet must be restarted, and nothing once it was", async (_, undo) => {
  const node = await installedNode();
  const { context, said } = node;
  said.length = 0;
  const run = (args: string): void => {
    node.write("/proc/7/cmdline", `kubelet ${args}`.replaceAll(" ", "\0"));
    node.write("/proc/7/cgroup", "0::/system.slice/kubelet.service\n");
    // It has started a long time ago.
    node.write("/proc/7/stat", `7 (kubelet) S ${"0 ".repeat(18)}1 0`);
  };
  run(FLAGS);
  await removeNode(context, NEVER, { isUnfinished: true });
  expect(said).toEqual([]);
  await undo(context);
  expect(said).toContainEqual(expect.stringMatching("^kubelet: restart it when convenient.*systemctl restart kubelet"));
  said.length = 0;
  run("--v=2");
  expect(await undo(context)).not.toHaveProperty("left");
  expect(said.filter((line) => line.startsWith("kubelet: ") || line.includes("failed"))).toEqual([]);
});

it("removeNode can be run again when it is killed at any change", async () => {
  for (let nth = 1; ; nth += 1) {
    const node = createNode();
    fs.symlinkSync("other-provider", node.context.disk.at(`${PLUGIN}-sa`));
    const before = node.snapshot();
    await install(node, archive("1"), { connect: undefined });
    const killed = await removeNode({ ...node.context, disk: createDisk(node.root, killedAt(nth)) }, NEVER, ALL);
    const isRunnable = [PROGRAM, LIBRARY].every((path) => fs.existsSync(node.context.disk.at(path)));
    if (isRunnable) expect(await removeNode(node.context, NEVER, ALL), `change ${nth}`).toMatchObject({ ok: true });
    // At the very end, only empty folders can be left.
    const isLeft = (line: string) => /^(etc\/ocir-broker|usr\/libexec(\/ocir-broker)?) 40755/.test(line);
    expect(
      node.snapshot().filter((line) => !isLeft(line)),
      `change ${nth}`,
    ).toEqual(before);
    if (killed.ok) break;
  }
}, 300_000);

it("installNode rolls a first run back in an order in which no call and no start of the kubelet fails", async () => {
  const node = createNode();
  node.write("/run/systemd/system/.none", "");
  const seen: string[] = [];
  const context: NodeContext = {
    ...node.context,
    clock: createImpatientClock(),
    async runProgram(run) {
      const { args } = run;
      if (args.includes("disable")) seen.push(`disable: ${node.read(PLUGIN)}`);
      const isThere = (path: string) => fs.existsSync(node.context.disk.at(path));
      if (args.includes("daemon-reload") && !isThere(OWN_DROP_IN))
        seen.push(`reload: ${node.read(CONFIG).includes(PLUGIN_NAME)}`);
      return args.some((arg) => arg.startsWith("is-")) ? printed("", { exitCode: 1 }) : node.context.runProgram(run);
    },
    say(line) {
      if (line.startsWith("kubelet-flags: ")) throw new Error("killed");
    },
  };
  const connect = { ...CONNECT, kubeletFlags: true };
  expect(await install({ ...node, context }, archive("1"), { connect })).toMatchObject({ ok: false });
  expect(seen).toEqual(["reload: false", "reload: true", "disable: #!/bin/sh\n", "reload: false"]);
});

it("installNode leaves the plugins to a kubelet whose configuration somebody changes before the rollback", async () => {
  const node = createNode();
  const { at } = node.context.disk;
  for (const path of [CONFIG, PLUGIN]) fs.rmSync(at(path));
  const flags = FLAGS.replace(dirname(PLUGIN), "/opt/bin");
  node.write("/etc/systemd/system/kubelet.service", `[Service]\nExecStart=/usr/bin/kubelet ${flags}\n`);
  const say = (line: string): void => {
    if (!line.startsWith("kubelet-configuration: ")) return;
    fs.appendFileSync(at(CONFIG), "# theirs\n");
    throw new Error("failed");
  };
  const failed = await install({ ...node, context: { ...node.context, say } }, archive("1"));
  const link = `/opt/bin/${PLUGIN_NAME}`;
  expect(failed.left?.map(({ path }) => path)).toEqual([CONFIG, PLUGIN, link]);
  expect([node.read(PLUGIN), fs.readlinkSync(at(link))]).toEqual([`${DO_NOTHING_PROGRAM} 1`, PLUGIN]);
  expect(await install(node, archive("1"))).toMatchObject({ ok: true });
  expect(node.through(PLUGIN)).toBe(`${SHIM} 1`);
});

describe("installNode and removeNode with a full /var/lib", () => {
  const ROLLED_BACK = "an unfinished run is rolled back";

  /** @param from the version with whose programs the disk is full, from then on. */
  function fullNode(node: Node, from: string) {
    let isFull = false;
    const full = fileSystemThat((name, _, path) => {
      isFull ||= fs.existsSync(node.context.disk.at(PROGRAM)) && node.read(PROGRAM).endsWith(from);
      if (isFull && name === "writeFileSync" && String(path).startsWith(`${node.root}/var/lib/`))
        throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    });
    return { ...node, context: { ...node.context, disk: createDisk(node.root, full) } };
  }

  it("leaves everything as it was when a first installation fails", async () => {
    const node = createNode();
    const full = fullNode(node, "1");
    expect(await install(full, archive("1"))).toMatchObject({ ok: false, code: "disk" });
    expect(node.said).toContain(ROLLED_BACK);
    expect(node.snapshot()).toEqual(node.before);
  });

  it("restores the previous version, says what is left to do, and does it once there is space", async () => {
    const node = await installedNode();
    const before = node.snapshot();
    const full = fullNode(node, "2");
    const failure = {
      ok: false,
      code: "disk",
      reason: expect.stringContaining("Once it can be written, run ocir-broker node remove --unfinished"),
    };
    expect(await install(full, archive("2"))).toMatchObject(failure);
    const isOther = (line: string) => !line.startsWith(RECORD.slice(1));
    expect(node.snapshot().filter(isOther)).toEqual(before.filter(isOther));
    expect(await removeNode(full.context, NEVER, { isUnfinished: true })).toMatchObject(failure);
    expect(node.said).not.toContain(ROLLED_BACK);
    expect(await removeNode(node.context, NEVER, { isUnfinished: true })).toMatchObject({ ok: true });
    expect(node.snapshot()).toEqual(before);
  });

  it("has nothing left to do if an upgrade could not begin", async () => {
    const node = await installedNode();
    const before = node.snapshot();
    const full = fullNode(node, "1");
    expect(await install(full, archive("2"))).toMatchObject({ ok: false, code: "disk" });
    expect(node.said).toContain("the previous version is restored");
    expect(node.snapshot()).toEqual(before);
  });
});

it.each([
  ["the given one", { given: "log: {level: warn}" }, "log: {level: warn}"],
  ["the node's own, if a given one has no setting", { given: "{}" }, undefined],
  ["the node's own, if a version is installed", {}, undefined],
  ["the node's own, if the kubelet is connected", { from: undefined, connect: CONNECT }, undefined],
])("installNode changes nothing if the configuration has errors: %s", async (_, options, wrong) => {
  const node = createNode();
  function checkConfig(given?: string): void {
    if (given === wrong) throw new Error("line 1: it is wrong");
  }
  const command = { connect: undefined, checkConfig, ...options };
  expect(await install(node, archive("1"), command)).toMatchObject({ ok: false, code: "config", steps: [] });
  expect(node.snapshot()).toEqual(node.before);
});

it("installNode reports a configuration with errors, and goes on, if a package has unpacked the programs", async () => {
  const wrong = () => expect.fail("line 1: it is wrong");
  const node = await installedNode();
  expect(await install(node, undefined, { connect: undefined, checkConfig: wrong })).toMatchObject({ code: "config" });
  node.context.disk.remove(RECORD);
  expect(await install(node, undefined, { connect: undefined, checkConfig: wrong })).toMatchObject({ ok: true });
  expect(node.said.join("\n")).toMatch(/the configuration has errors: .*it is wrong/);
});

it("installNode reports it also if a package has replaced an archive's programs", async () => {
  const node = createPackageNode("dpkg");
  await install(node, archive("1"));
  const checkConfig = () => expect.fail("line 1: it is wrong");
  expect(await install(node, undefined, { connect: undefined, checkConfig })).toMatchObject({ ok: true });
  expect(node.said.join("\n")).toContain("it is wrong");
});

it("describeSteps prints each step, and each changed file as a diff, and changes nothing", async () => {
  const node = createNode();
  const text = await describeSteps(node.context, {
    install: { from: archive("1"), connect: CONNECT, checkConfig() {} },
  });
  expect(text).toContain(`+++ ${CONFIG} (new)`);
  expect(text).toMatch(/^\+.*name: credential-provider-oke$/m);
  expect(text).toContain("   check: the plugin gets a response from the daemon within 100 s");
  expect(node.snapshot()).toEqual(node.before);
});

describe("disable", () => {
  it("gives the kubelet the do-nothing program until enable, also if the record is damaged", async () => {
    const node = await installedNode();
    const record = node.read(RECORD);
    node.write(RECORD, "");
    await disable(node.context);
    expect(node.through(PLUGIN)).toBe(`${DO_NOTHING_PROGRAM} 1`);
    expect(node.read(DISABLED_FILE)).toMatch(/^\d{4}-\d\d-\d\dT[\d:]+Z\n$/);
    // As after an hour.
    node.write(DISABLED_FILE, "2026-01-01T00:00:00Z\n");
    await disable(node.context);
    expect(node.read(DISABLED_FILE)).toBe("2026-01-01T00:00:00Z\n");
    node.write(RECORD, record);
    expect(await install(node, archive("2"))).toMatchObject({ ok: false, code: "switched-off" });
    expect(await install(node, archive("2"), { connect: undefined })).toMatchObject({ ok: true });
    await connectNode(node.context, NEVER, CONNECT);
    expect(node.through(PLUGIN)).toBe(`${DO_NOTHING_PROGRAM} 2`);
    await enable(node.context);
    expect(node.through(PLUGIN)).toBe(`${SHIM} 2`);
  });

  it("keeps another vendor's plugin, which a rollback restores, if the first installation was killed", async () => {
    const node = createNode();
    await install(killedBefore(node, CONFIG), archive("1"));
    await disable(node.context);
    await removeNode(node.context, NEVER, { isUnfinished: true });
    expect(node.read(PLUGIN)).toBe("#!/bin/sh\n");
  });

  it("refuses a plugin that is not ocir-broker's", async () => {
    await expect(disable(createNode().context)).rejects.toMatchObject({ code: "install" });
  });
});

it("removeNode reports that ocir-broker is not installed, and changes nothing", async () => {
  const node = createNode();
  expect(await removeNode(node.context, NEVER, ALL)).toMatchObject({ ok: true });
  expect(node.said).toEqual(["ocir-broker is not installed on this node: there is nothing to remove"]);
});

it("describeRemoval says what a removal then does with each file, and changes nothing", async () => {
  const node = createNode();
  fs.rmSync(node.context.disk.at(PLUGIN));
  await install(node, archive("1"), { connect: { ...CONNECT, kubeletFlags: true } });
  const edited = "/usr/lib/systemd/system/ocir-broker.service";
  node.write(edited, "edited");
  const before = node.snapshot();
  const lines = (await describeRemoval(node.context, false)).split("\n");
  expect(node.snapshot()).toEqual(before);
  const said: string[] = [];
  const result = await removeNode({ ...node.context, say: (line) => said.push(line) }, NEVER, ALL);
  const isRestoration = (line: string) => /^(system: |[\w-]+: \/\S+: (removed|restored))/.test(line);
  // The removal does not name its last programs.
  expect(lines.filter(isRestoration).slice(0, -LAST.length)).toEqual(said.filter(isRestoration));
  const claims = lines.flatMap(
    (line) => /^[\w-]+: (\/\S+): (removed|restored|stays)/.exec(line)?.slice(1, 3).join(" ") ?? [],
  );
  const isThere = (path: string) => fs.lstatSync(node.context.disk.at(path), { throwIfNoEntry: false }) !== undefined;
  expect(claims).toEqual(
    claims.map((claim) => {
      const [path = ""] = claim.split(" ");
      const stays = result.left?.some((left) => left.path === path);
      return `${path} ${stays ? "stays" : isThere(path) ? "restored" : "removed"}`;
    }),
  );
  expect(claims).toEqual(
    expect.arrayContaining([`${OWN_DROP_IN} removed`, `${CONFIG} restored`, `${PLUGIN} removed`, `${edited} stays`]),
  );
});
