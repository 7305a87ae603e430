/**
 * Connects and disconnects a kubelet on a tree of files. After each step, a kubelet must start with what the files of its unit name,
 * by the kubelet's own rules.
 */
import { chmodSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { checkCredentialProviderConfig } from "@ocir-broker/kubelet-config/checking/check";
import { readCredentialProviderFiles, tokenAttributesIn } from "@ocir-broker/node/credential-provider-files";
import { OWN_DROP_IN } from "@ocir-broker/node/kubelet-unit";
import { createNodeFiles, textOf } from "@ocir-broker/node/node-files";
import type { RunProgram } from "@ocir-broker/node/program-run";
import { createNodeTree } from "@ocir-broker/node/test/node-tree";
import { printed } from "@ocir-broker/node/test/program-double";
import { describe, expect, it } from "vitest";
import { CONFIG, OTHER_PROVIDER, snapshotOf } from "../../test/image-node.ts";
import { nodeContextAt } from "../../test/node-context.ts";
import { applyConnection, restoreConnection, restoreFlags } from "../commands/connect.ts";
import { LIST } from "../copies.ts";
import { CURRENT, PLUGIN_LINKS } from "../installed-files.ts";
import { createNodeRun } from "../node-run.ts";
import { serviceAccountsIn } from "./broker-config.ts";
import { connection } from "./connect.ts";
import type { ConnectOptions } from "./kubelet-paths.ts";
import { restoration } from "./restoration.ts";

const BROKER_CONFIG = "/etc/ocir-broker/config.yaml";
const EXTRA_ARGS = "/etc/systemd/system/kubelet.service.d/extra-args.conf";
const UNIT = "/usr/lib/systemd/system/kubelet.service";
const DEFAULTS = "/etc/default/kubelet";
const FLAGS = (config: string, binDir: string) =>
  `--image-credential-provider-config=${config} --image-credential-provider-bin-dir=${binDir}`;
const OUR_FLAGS = FLAGS(CONFIG, "/usr/local/bin");
const OTHER_ARGS = "KUBELET_EXTRA_ARGS=--v=2\n";
const EXCHANGE = "serviceAccounts: {tokenExchange: oke, audience: a}\n";
const B = { serviceAccounts: "b" };

const nothing = () => {};
const all =
  (...arranges: readonly ((node: Node) => void)[]) =>
  (node: Node) => {
    for (const arrange of arranges) arrange(node);
  };
const writes = (path: string, text: string, mode?: number) => (node: Node) => node.write(path, text, mode);
const withoutExtraArgs = (node: Node) => node.remove(EXTRA_ARGS);
const withOther = writes("/usr/local/bin/other-provider", "", 0o755);
const linkFolder = (node: Node) => node.linkConfigFolder();
const withFlags = (flags: string) => (node: Node) => node.setArgs(flags);
const openUnit = (node: Node) => chmodSync(join(node.root, dirname(EXTRA_ARGS)), 0o777);

/** `flagsIn`: the file to which the flags are added, if they are. */
it.each<[what: string, flagsIn: string | undefined, options: ConnectOptions, arrange: (node: Node) => void]>([
  ["a new file", EXTRA_ARGS, {}, nothing],
  ["a new file for the flags too", OWN_DROP_IN, {}, withoutExtraArgs],
  ["other arguments in a file of variables", DEFAULTS, {}, all(withoutExtraArgs, writes(DEFAULTS, OTHER_ARGS))],
  ["with flags in the unit", undefined, {}, withFlags(OUR_FLAGS)],
  ["another provider's file", undefined, {}, all(writes(CONFIG, OTHER_PROVIDER), withOther, withFlags(OUR_FLAGS))],
  [
    "a directory, with the plugins elsewhere",
    undefined,
    {},
    all(
      writes("/etc/kubernetes/providers/10-other.yaml", OTHER_PROVIDER),
      writes("/opt/plugins/other-provider", "", 0o755),
      withFlags(FLAGS("/etc/kubernetes/providers", "/opt/plugins/")),
    ),
  ],
  ["a link to a folder, with flags in the unit", undefined, {}, all(linkFolder, withFlags(OUR_FLAGS))],
  ["service accounts", EXTRA_ARGS, { serviceAccounts: "https://a/~b?c=d" }, writes(BROKER_CONFIG, "log: {}\n")],
])(
  "connect, then disconnect restores every file, and a kubelet starts after each step: %s",
  async (_, flagsIn, options, arrange) => {
    const node = createNode();
    arrange(node);
    const before = node.snapshot();
    await node.connect({ kubeletFlags: true, ...options });
    expect(node.named().config).toContain("credential-provider-oke");
    expect(node.flagFiles()).toEqual(flagsIn === undefined ? [] : [flagsIn]);
    const left = await node.disconnect();
    expect(node.errorsAfterSteps).toEqual([]);
    const isNamedBefore = before.includes(OUR_FLAGS) && !before.includes("other-provider");
    if (isNamedBefore) expect(node.named().config).toContain("credential-provider-oke");
    else expect([node.snapshot(), left]).toEqual([before, []]);
  },
);

describe("connection", () => {
  it("keeps broker and kubelet at one audience when the audience changes", async () => {
    const node = createNode();
    const first = await node.connect({ serviceAccounts: "first" });
    expect(first.map(({ name }) => name)).toEqual(["broker-configuration", "kubelet-configuration"]);
    const seen = await node.connect({ serviceAccounts: "second" });
    expect(seen.map(({ name }) => name)).toEqual([
      "audience",
      "broker-configuration",
      "kubelet-configuration",
      "broker-configuration",
    ]);
    for (const { name, broker, kubelet } of seen) expect([undefined, kubelet], name).toContain(broker);
    expect(seen.at(-1)).toMatchObject({ broker: "second", kubelet: "second" });
  });

  it("changes nothing of a kubelet that is connected", async () => {
    const node = createNode();
    await node.connect({ kubeletFlags: true, serviceAccounts: "a" });
    const before = node.snapshot();
    expect(await node.connect({ kubeletFlags: true, serviceAccounts: "a" })).toEqual([]);
    expect(node.snapshot()).toBe(before);
  });

  it("adds the flags that a unit has lost, although the running kubelet still has them", async () => {
    const node = createNode();
    await node.connect({ kubeletFlags: true });
    node.runKubelet(OUR_FLAGS);
    node.write("/proc/7/stat", `7 (kubelet) S ${"0 ".repeat(18)}${Date.now()} 0`);
    await node.disconnect();
    await node.connect({ kubeletFlags: true });
    expect(node.read(EXTRA_ARGS)).toContain(OUR_FLAGS);
  });

  it("writes to the target of a link, also of one that leads nowhere yet", async () => {
    const node = createNode();
    node.linkConfigFolder();
    expect(await node.steps({})).toContainEqual(
      expect.objectContaining({ path: "/opt/providers/credential-provider-config.yaml" }),
    );
  });

  it.each<[what: string, options: ConnectOptions, arrange: (node: Node) => void, refusal: RegExp]>([
    ["an unreadable configuration", {}, writes(CONFIG, "a: ["), /^connect: .* cannot be changed/],
    ["a plugin that is missing", {}, writes(CONFIG, OTHER_PROVIDER), /^connect: .* would not start/],
    ["a folder that others can change", {}, writes(CONFIG, OTHER_PROVIDER, 0o777), /^path-untrusted: .* has mode 777/],
    ["a unit's folder that others can change", { kubeletFlags: true }, openUnit, /^path-untrusted: .* has mode 777/],
    ["our own folder", { binDir: "/usr/libexec/ocir-broker/" }, nothing, /^connect: .* is ocir-broker's own folder/],
    ["a relative path", { kubeletConfig: "c.yaml" }, nothing, /^path-untrusted: .* not an absolute path/],
    ["another audience of the administrator", B, writes(BROKER_CONFIG, EXCHANGE), /^connect: the broker would refuse/],
    ["errors in the broker's configuration", B, writes(BROKER_CONFIG, "unknown: 1\n"), /^connect: .* has errors/],
    ["an old kubelet", { ...B, kubeletVersion: "1.31" }, nothing, /^connect: .* 1\.34 \(this kubelet: 1\.31\)/],
    ["an audience with a space", { serviceAccounts: "has space" }, nothing, /^connect: the audience "has space"/],
    ["an audience with a double quote", { serviceAccounts: 'quo"te' }, nothing, /^connect: the audience "quo\\"te"/],
    ["an audience with a quote", { serviceAccounts: "it's" }, nothing, /^connect: the audience "it's"/],
    ["an option as the audience", { serviceAccounts: "-x" }, nothing, /^connect: the audience "-x" .* begins with -/],
    ["an empty audience", { serviceAccounts: "" }, nothing, /^connect: the audience ""/],
    [
      "a path that the running kubelet does not name",
      { kubeletConfig: "/typo.yaml" },
      (node) => node.runKubelet(FLAGS("/c.yaml", "/c")),
      /^connect: .* name \/c\.yaml and \/c, so \/typo\.yaml and \/c would have no effect/,
    ],
    [
      "flags for which the unit has no place",
      { kubeletFlags: true },
      all(withoutExtraArgs, writes(UNIT, "[Service]\nExecStart=/usr/bin/kubelet\n")),
      /^kubelet-flags: .* no place for the flags: node connect without --kubelet-flags prints/,
    ],
    ["a wrong version", { kubeletVersion: "new" }, nothing, /^kubelet-version: .* not a version/],
  ])("refuses %s", async (_, options, arrange, refusal) => {
    const node = createNode();
    arrange(node);
    expect(await node.steps(options).catch(({ code, message }) => `${code}: ${message}`)).toMatch(refusal);
  });

  it.each<[from: string, options: ConnectOptions, process: string | undefined, config: string]>([
    ["the option", { kubeletConfig: "/a.yaml", kubeletArgs: FLAGS("/b.yaml", "/b") }, undefined, "/a.yaml"],
    ["the running kubelet", { kubeletArgs: FLAGS("/b.yaml", "/b") }, FLAGS("/c.yaml", "/c"), "/c.yaml"],
    ["the arguments", { kubeletArgs: "'--image-credential-provider-config=/b b.yaml'" }, undefined, "/b b.yaml"],
    ["the unit", {}, undefined, "/unit.yaml"],
  ])("takes the path from %s first", async (_, options, process, config) => {
    const node = createNode();
    node.setArgs(FLAGS("/unit.yaml", "/unit"));
    if (process !== undefined) node.runKubelet(process);
    const steps = await node.steps(options);
    expect(steps.find(({ kind }) => kind === "kubelet-configuration")).toMatchObject({ path: config });
  });
});

describe("restoration", () => {
  it("takes the configuration from a running kubelet that has its flags from us, and leaves it to another one", async () => {
    const node = createNode();
    await node.connect({ kubeletFlags: true });
    node.runKubelet(OUR_FLAGS);
    expect(await node.disconnect()).toEqual([]);
    const another = createNode();
    await another.connect({});
    another.runKubelet(OUR_FLAGS);
    expect(await another.disconnect()).toEqual([CONFIG]);
    expect(another.read(CONFIG)).toContain("credential-provider-oke");
  });

  it("leaves the configuration to a running kubelet that has our flags if the list is lost", async () => {
    const node = createNode();
    node.remove(EXTRA_ARGS);
    await node.connect({ kubeletFlags: true });
    node.runKubelet(OUR_FLAGS);
    rmSync(join(node.root, LIST));
    expect(await node.disconnect()).toEqual([CONFIG]);
    expect(node.read(OWN_DROP_IN)).toBeUndefined();
  });

  it("leaves the configuration when systemd may still start the kubelet with the flags", async () => {
    const node = createNode();
    const before = node.snapshot();
    await node.connect({ kubeletFlags: true });
    node.systemd.reads = false;
    await expect(node.disconnect()).rejects.toMatchObject({ code: "restore" });
    expect(node.read(CONFIG)).toContain("credential-provider-oke");
    node.systemd.reads = true;
    await node.disconnect();
    expect(node.snapshot()).toBe(before);
  });

  it("leaves the last file of a directory that a kubelet names, because it refuses an empty one", async () => {
    const node = createNode();
    const folder = "/etc/kubernetes/providers";
    mkdirSync(join(node.root, folder), { recursive: true });
    node.setArgs(FLAGS(folder, "/usr/local/bin"));
    await node.connect({});
    expect(await node.disconnect()).toEqual([`${folder}/credential-provider-oke.yaml`]);
    expect([node.kubeletErrors(), node.named().config]).toEqual([[], expect.stringContaining("providers")]);
  });

  it("takes our flags out of a file that somebody else has changed since", async () => {
    const node = createNode();
    await node.connect({ kubeletFlags: true });
    node.setArgs(`--v=2 ${OUR_FLAGS}`);
    expect(await node.disconnect()).toEqual([]);
    expect(node.read(EXTRA_ARGS)).toContain('"KUBELET_EXTRA_ARGS=--v=2 "');
    expect(node.read(CONFIG)).toBeUndefined();
  });

  it("leaves the node's credential provider in a configuration for service accounts that a kubelet names", async () => {
    const node = createNode();
    node.setArgs(OUR_FLAGS);
    await node.connect({ serviceAccounts: "a" });
    node.called.length = 0;
    await node.disconnect();
    expect(node.read(CONFIG)).not.toContain("credential-provider-oke-sa");
    expect([node.kubeletErrors(), node.read(BROKER_CONFIG)]).toEqual([[], undefined]);
    expect(node.called).toContain("try-restart ocir-broker.service");
  });
});

type Node = ReturnType<typeof createNode>;

function createNode() {
  const tree = createNodeTree();
  const { root } = tree;
  const files = createNodeFiles(root);
  mkdirSync(join(root, "/usr/local/bin"), { recursive: true });
  for (const [path, target] of Object.entries(PLUGIN_LINKS)) symlinkSync(target, join(root, path));
  tree.write(`${CURRENT}/credential-provider-oke`, "", 0o755);
  const setArgs = (args: string) => tree.write(EXTRA_ARGS, `[Service]\nEnvironment="KUBELET_EXTRA_ARGS=${args}"\n`);
  setArgs("--v=4");
  const unit = `[Service]\nEnvironmentFile=-${DEFAULTS}\nExecStart=/usr/bin/kubelet $KUBELET_EXTRA_ARGS\n`;
  tree.write(UNIT, unit);
  tree.write("/run/systemd/system/.none", "");
  const called: string[] = [];
  const systemd = { reads: true, reloads: 0 };
  const runProgram: RunProgram = async ({ args }) => {
    called.push(args.join(" "));
    if (args[0] === "daemon-reload") {
      systemd.reloads += 1;
      return printed("", { exitCode: systemd.reads ? 0 : 1 });
    }
    return printed(args[0] === "--version" ? "Kubernetes v1.33.1\n" : "");
  };
  const errorsAfterSteps: unknown[] = [];
  const seen: { line: string; name: string; broker: string | undefined; kubelet: string | undefined }[] = [];

  const read = (path: string): string | undefined => textOf(files.readText(path));

  function named(): { path: string; binDir: string; config: string } {
    const [, path = "", binDir = ""] =
      /provider-config=(\S+) --image-credential-provider-bin-dir=([^\s"]+)/.exec(
        [EXTRA_ARGS, OWN_DROP_IN, DEFAULTS].map(read).join("\n"),
      ) ?? [];
    const { files: configFiles } = readCredentialProviderFiles(files, path);
    return { path, binDir, config: configFiles.map(({ text }) => text).join("") };
  }

  /** Why a kubelet would not start with the flags of its unit. */
  function kubeletErrors(): unknown[] {
    const { path, binDir } = named();
    if (path === "") return [];
    const { files: configFiles, directory } = readCredentialProviderFiles(files, path);
    return checkCredentialProviderConfig(configFiles, {
      kubeletMinor: 34,
      directory,
      // The links lead to another root.
      hasExecutable: (name) => "value" in files.lstat(`${binDir}/${name}`),
    }).filter(({ severity }) => severity !== "warning");
  }

  const newRun = () =>
    createNodeRun(
      nodeContextAt(root, {
        runProgram,
        // After each step that changes something.
        say(line) {
          errorsAfterSteps.push(...kubeletErrors());
          seen.push({
            line,
            name: line.split(":")[0] ?? "",
            broker: serviceAccountsIn(read(BROKER_CONFIG) ?? "")?.audience,
            kubelet: tokenAttributesIn([{ path: CONFIG, text: read(CONFIG) ?? "" }])[0]?.audience,
          });
        },
      }),
    );
  async function steps(options: ConnectOptions) {
    const { before, after } = await connection(newRun(), { kubeletVersion: "1.34", ...options });
    return [...before, ...after];
  }

  return {
    ...tree,
    linkConfigFolder(): void {
      for (const folder of ["/opt/providers", "/etc"]) mkdirSync(join(root, folder), { recursive: true });
      symlinkSync("../opt/providers", join(root, "/etc/kubernetes"));
    },
    runKubelet: (flags: string) =>
      tree.process(7, "0::/system.slice/kubelet.service", ["kubelet", ...flags.split(" ")]),
    read,
    setArgs,
    named,
    called,
    systemd,
    flagFiles: () => newRun().copies.paths("kubelet-flags"),
    errorsAfterSteps,
    kubeletErrors,
    steps,
    /** @returns the audiences after each step that has changed something. */
    async connect(options: ConnectOptions) {
      seen.length = 0;
      await applyConnection(newRun(), { kubeletVersion: "1.34", ...options });
      return [...seen];
    },
    /** @returns the files that stay. */
    async disconnect() {
      const node = newRun();
      const restored = await restoration(node, "connect");
      await restoreFlags(node, restored);
      await restoreConnection(node, restored);
      return node.left.map(({ path }) => path);
    },
    /** Without folders and our record. */
    snapshot: () =>
      snapshotOf(root)
        .filter((line) => !/ 4\d{4} $|^var\/lib\/ocir-broker/.test(line))
        .join("\n"),
  };
}
