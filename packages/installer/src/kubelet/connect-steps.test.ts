/**
 * Connects and disconnects a kubelet on a tree of files. After each step, a kubelet must start with what the files of its unit name,
 * by the kubelet's own rules.
 */
import { mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { checkCredentialProviderConfig } from "@ocir-broker/kubelet-config/checking/check";
import { readCredentialProviderFiles, tokenAttributesIn } from "@ocir-broker/node/credential-provider-files";
import { createNodeFiles, textOf } from "@ocir-broker/node/node-files";
import type { RunProgram } from "@ocir-broker/node/program-run";
import { createNodeTree } from "@ocir-broker/node/test/node-tree";
import { printed } from "@ocir-broker/node/test/program-double";
import { describe, expect, it } from "vitest";
import type { Step } from "../step.ts";
import { audienceIn } from "./broker-config.ts";
import { type ConnectOptions, readConnectFacts } from "./connect-facts.ts";
import { connectSteps } from "./connect-steps.ts";
import { type ConnectedFile, disconnection, flagsDisconnection } from "./disconnect-steps.ts";
import { readKubeletNames } from "./kubelet-names.ts";

const CONFIG = "/etc/kubernetes/credential-provider-config.yaml";
const BROKER_CONFIG = "/etc/ocir-broker/config.yaml";
const EXTRA_ARGS = "/etc/systemd/system/kubelet.service.d/extra-args.conf";
const FLAGS = (config: string, binDir: string) =>
  `--image-credential-provider-config=${config} --image-credential-provider-bin-dir=${binDir}`;
const OTHER = `apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
  - name: other-provider
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    matchImages: ["registry.example.com"]
    defaultCacheDuration: "0s"
`;

describe("connect, then disconnect", () => {
  it.each<[what: string, options: ConnectOptions, arrange: (node: Node) => void]>([
    ["a new file", {}, () => {}],
    ["with flags in the unit", {}, (node) => node.setArgs(FLAGS(CONFIG, "/usr/local/bin"))],
    [
      "another provider's file",
      {},
      (node) => {
        node.write(CONFIG, OTHER);
        node.write("/usr/local/bin/other-provider", "", 0o755);
        node.setArgs(FLAGS(CONFIG, "/usr/local/bin"));
      },
    ],
    [
      "a directory, with the plugins elsewhere",
      {},
      (node) => {
        node.write("/etc/kubernetes/providers/10-other.yaml", OTHER);
        node.write("/opt/plugins/other-provider", "", 0o755);
        node.setArgs(FLAGS("/etc/kubernetes/providers", "/opt/plugins/"));
      },
    ],
    ["service accounts", { serviceAccounts: "it's" }, (node) => node.write(BROKER_CONFIG, "log:\n  level: info\n")],
  ])("give back every file, and a kubelet starts after each step: %s", async (_, options, arrange) => {
    const node = createNode();
    arrange(node);
    const before = node.snapshot();
    const original = new Map<string, string | undefined>();
    for (const step of await node.connect({ kubeletFlags: true, ...options })) {
      if (step.kind === "file" && !original.has(step.path)) original.set(step.path, node.read(step.path));
      node.apply(step);
      expect(node.kubeletErrors(), step.name).toEqual([]);
    }
    expect(node.named().config).toContain("credential-provider-oke");
    const flags = node.restoreFlags(original);
    for (const step of flags) {
      node.apply(step);
      expect(node.kubeletErrors(), step.name).toEqual([]);
    }
    const { steps, needsPlugin } = await node.disconnect(original, flags.length > 0);
    for (const step of steps) {
      node.apply(step);
      expect(node.kubeletErrors(), step.name).toEqual([]);
    }
    const isNamedBefore = before.includes(FLAGS(CONFIG, "/usr/local/bin")) && !before.includes("other-provider");
    expect(needsPlugin("/usr/local/bin/credential-provider-oke")).toBe(isNamedBefore);
    if (isNamedBefore) expect(node.named().config).toContain("credential-provider-oke");
    else expect(node.snapshot()).toBe(before);
  });
});

describe("connectSteps", () => {
  it("keeps broker and kubelet at one audience when the audience changes", async () => {
    const node = createNode();
    for (const step of await node.connect({ serviceAccounts: "first" })) node.apply(step);
    const steps = await node.connect({ serviceAccounts: "second" });
    expect(steps.map(({ name }) => name)).toEqual([
      "broker-configuration-any-audience",
      "restart-daemon",
      "kubelet-configuration",
      "broker-configuration",
    ]);
    for (const step of steps) {
      node.apply(step);
      const { broker, kubelet } = node.audiences();
      expect([undefined, kubelet], step.name).toContain(broker);
    }
    expect(node.audiences()).toEqual({ broker: "second", kubelet: "second" });
  });

  it("changes nothing of a kubelet that is connected", async () => {
    const node = createNode();
    for (const step of await node.connect({ kubeletFlags: true, serviceAccounts: "a" })) node.apply(step);
    const before = node.snapshot();
    for (const step of await node.connect({ kubeletFlags: true, serviceAccounts: "a" })) node.apply(step);
    expect(node.snapshot()).toBe(before);
  });

  it("writes to the target of a link, also of one that leads nowhere yet", async () => {
    const node = createNode();
    mkdirSync(join(node.root, "/opt/providers"), { recursive: true });
    mkdirSync(join(node.root, "/etc"), { recursive: true });
    symlinkSync("../opt/providers", join(node.root, "/etc/kubernetes"));
    const [step] = await node.connect({});
    expect(step).toMatchObject({ path: "/opt/providers/credential-provider-config.yaml" });
  });

  it.each<[what: string, code: string, reason: string, options: ConnectOptions, arrange: (node: Node) => void]>([
    ["an unreadable configuration", "connect", "cannot be changed", {}, (node) => node.write(CONFIG, "a: [")],
    ["a plugin that is missing", "connect", "would not start", {}, (node) => node.write(CONFIG, OTHER)],
    [
      "a folder that others can change",
      "path-untrusted",
      "has mode 777",
      {},
      (node) => {
        node.write(CONFIG, OTHER, 0o777);
      },
    ],
    ["a relative path", "path-untrusted", "not an absolute path", { kubeletConfig: "c.yaml" }, () => {}],
    [
      "another audience of the administrator",
      "connect",
      "would refuse",
      { serviceAccounts: "b" },
      (node) => {
        node.write(BROKER_CONFIG, "serviceAccounts:\n  tokenExchange: oke\n  audience: a\n");
      },
    ],
    [
      "errors in the broker's configuration",
      "connect",
      "has errors",
      { serviceAccounts: "b" },
      (node) => {
        node.write(BROKER_CONFIG, "unknown: 1\n");
      },
    ],
    [
      "an old kubelet for service accounts",
      "connect",
      "1.31",
      { serviceAccounts: "b", kubeletVersion: "1.31" },
      () => {},
    ],
    ["a wrong version", "kubelet-version", "not a version", { kubeletVersion: "new" }, () => {}],
  ])("refuses %s", async (_, code, reason, options, arrange) => {
    const node = createNode();
    arrange(node);
    await expect(node.connect(options)).rejects.toMatchObject({ code, message: expect.stringContaining(reason) });
  });

  it("uses the version of a kubelet that is installed, if none runs and no unit has the flags", async () => {
    const node = createNode();
    node.write("/usr/bin/kubelet", "", 0o755);
    const steps = await node.connect({ kubeletVersion: undefined });
    expect(steps.at(-1)?.describe.check).toContain("a kubelet 1.33 starts with it");
  });

  it.each<[from: string, options: ConnectOptions, process: string | undefined, config: string]>([
    [
      "the option",
      { kubeletConfig: "/a.yaml", kubeletArgs: FLAGS("/b.yaml", "/b") },
      FLAGS("/c.yaml", "/c"),
      "/a.yaml",
    ],
    ["the running kubelet", { kubeletArgs: FLAGS("/b.yaml", "/b") }, FLAGS("/c.yaml", "/c"), "/c.yaml"],
    ["the arguments", { kubeletArgs: "'--image-credential-provider-config=/b b.yaml'" }, undefined, "/b b.yaml"],
    ["the unit", {}, undefined, "/unit.yaml"],
  ])("takes the path from %s first", async (_, options, process, config) => {
    const node = createNode();
    node.setArgs(FLAGS("/unit.yaml", "/unit"));
    if (process !== undefined) node.process(7, "0::/system.slice/kubelet.service", ["kubelet", ...process.split(" ")]);
    const steps = await node.connect(options);
    expect(steps.find(({ name }) => name === "kubelet-configuration")).toMatchObject({ path: config });
  });
});

describe("disconnection", () => {
  it("takes the configuration from a running kubelet that has its flags from us, and leaves it to another one", async () => {
    const node = createNode();
    const original = new Map<string, string | undefined>();
    const steps = await node.connect({ kubeletFlags: true });
    for (const step of steps) {
      if (step.kind === "file") original.set(step.path, node.read(step.path));
      node.apply(step);
    }
    node.process(7, "0::/system.slice/kubelet.service", ["kubelet", ...FLAGS(CONFIG, "/usr/local/bin").split(" ")]);
    const stays = async (hadFlags: boolean) =>
      (await node.disconnect(original, hadFlags)).steps.filter((step) => step.kind === "restore" && step.instead);
    expect(await stays(false)).toMatchObject([{ path: CONFIG }]);
    for (const step of node.restoreFlags(original)) node.apply(step);
    expect(await stays(true)).toEqual([]);
    expect(await stays(false)).toMatchObject([{ path: CONFIG }]);
  });

  it("leaves everything when somebody else has changed the file with the flags", async () => {
    const node = createNode();
    const steps = await node.connect({ kubeletFlags: true });
    for (const step of steps) node.apply(step);
    node.setArgs(`--v=2 ${FLAGS(CONFIG, "/usr/local/bin")}`);
    const { steps: rest, needsPlugin } = await node.disconnect(new Map([[CONFIG, undefined]]), true);
    expect(rest).toMatchObject([{ path: CONFIG, instead: {} }]);
    expect(needsPlugin("/usr/local/bin/credential-provider-oke")).toBe(true);
  });

  it("leaves the node's credential provider in a configuration for service accounts that a kubelet names", async () => {
    const node = createNode();
    node.setArgs(FLAGS(CONFIG, "/usr/local/bin"));
    for (const step of await node.connect({ serviceAccounts: "a" })) node.apply(step);
    const { steps } = await node.disconnect(
      new Map([
        [CONFIG, undefined],
        [BROKER_CONFIG, undefined],
      ]),
    );
    for (const step of steps) node.apply(step);
    expect(node.read(CONFIG)).not.toContain("credential-provider-oke-sa");
    expect(node.kubeletErrors()).toEqual([]);
    expect(steps.map(({ name }) => name)).toEqual(["kubelet-configuration", "broker-configuration", "restart-daemon"]);
  });

  it("restores the flags alone", async () => {
    const node = createNode();
    const before = node.read(EXTRA_ARGS);
    for (const step of await node.connect({ kubeletFlags: true })) node.apply(step);
    const connected = [
      { path: CONFIG, original: undefined },
      { path: EXTRA_ARGS, original: before },
    ];
    const steps = flagsDisconnection({ connected, files: createNodeFiles(node.root) }, NO_ACTIONS);
    expect(steps.map(({ name }) => name)).toEqual(["kubelet-flags", "reload-units"]);
    node.apply(steps[0] as Step, connected);
    expect(node.read(EXTRA_ARGS)).toBe(before);
  });
});

const NO_ACTIONS = { restartDaemon: async () => {}, reloadUnits: async () => {} };

function connectedIn(originals: ReadonlyMap<string, string | undefined>): ConnectedFile[] {
  return [...originals].map(([path, original]) => ({ path, original }));
}

type Node = ReturnType<typeof createNode>;

function createNode() {
  const tree = createNodeTree();
  const { root } = tree;
  const files = createNodeFiles(root);
  for (const name of ["credential-provider-oke", "credential-provider-oke-sa"])
    tree.write(`/usr/local/bin/${name}`, "", 0o755);
  let originals: ReadonlyMap<string, string | undefined> = new Map();
  const setArgs = (args: string) => tree.write(EXTRA_ARGS, `[Service]\nEnvironment="KUBELET_EXTRA_ARGS=${args}"\n`);
  setArgs("--v=4");
  tree.write("/usr/lib/systemd/system/kubelet.service", "[Service]\nExecStart=/usr/bin/kubelet $KUBELET_EXTRA_ARGS\n");
  const runProgram: RunProgram = async ({ args }) => printed(args[0] === "--version" ? "Kubernetes v1.33.1\n" : "");

  function read(path: string): string | undefined {
    return textOf(files.readText(path));
  }

  function named(): { path: string; binDir: string; config: string } {
    const [, path = "", binDir = ""] =
      /provider-config=(\S+) --image-credential-provider-bin-dir=([^\s"]+)/.exec(read(EXTRA_ARGS) ?? "") ?? [];
    const read_ = readCredentialProviderFiles(files, { configPath: path, binDirectory: undefined, minor: undefined });
    return { path, binDir, config: (read_?.files ?? []).map(({ text }) => text).join("") };
  }

  return {
    ...tree,
    read,
    setArgs,
    named,
    async connect(options: ConnectOptions): Promise<Step[]> {
      const facts = await readConnectFacts(
        { kubeletVersion: "1.34", ...options },
        {
          root,
          runProgram,
          bootedAtMs: 0,
          versionOfMetadata: async () => undefined,
          originalOf: (path) => (originals.has(path) ? (originals.get(path) ?? "") : undefined),
        },
      );
      const steps = connectSteps(facts, NO_ACTIONS);
      const isFirst = originals.size === 0;
      if (isFirst)
        originals = new Map(steps.flatMap((step) => (step.kind === "file" ? [[step.path, read(step.path)]] : [])));
      return steps;
    },
    restoreFlags(original: ReadonlyMap<string, string | undefined>) {
      originals = original;
      return flagsDisconnection({ connected: connectedIn(original), files }, NO_ACTIONS);
    },
    async disconnect(original: ReadonlyMap<string, string | undefined>, hadFlags = false) {
      originals = original;
      const names = await readKubeletNames({ root, runProgram, ignoresProcess: hadFlags });
      return disconnection({ connected: connectedIn(original), names, files }, NO_ACTIONS);
    },
    apply(
      step: Step,
      connected: readonly ConnectedFile[] = [...originals].map(([path, original]) => ({ path, original })),
    ) {
      if (step.kind === "action") return;
      const before = connected.find(({ path }) => path === step.path)?.original;
      const given = step.kind === "file" ? step.content : before === undefined ? step.instead?.content : undefined;
      const content =
        given ?? (before === undefined ? { kind: "absent" as const } : { kind: "text" as const, text: before });
      tree.remove(step.path);
      if (content.kind === "text") tree.write(step.path, content.text);
      if (content.kind !== "link") return;
      mkdirSync(join(root, dirname(step.path)), { recursive: true });
      symlinkSync(join(root, content.target), join(root, step.path));
    },
    /** Why a kubelet would not start with the flags of its unit. */
    kubeletErrors(): unknown[] {
      const { path, binDir } = named();
      if (path === "") return [];
      const found = readCredentialProviderFiles(files, { configPath: path, binDirectory: binDir, minor: 34 });
      return checkCredentialProviderConfig(found?.files ?? [], {
        kubeletMinor: 34,
        directory: found?.directory ?? false,
        hasExecutable: (name) => files.isExecutable(`${binDir}/${name}`),
      }).filter(({ severity }) => severity !== "warning");
    },
    audiences() {
      return {
        broker: audienceIn(read(BROKER_CONFIG) ?? ""),
        kubelet: tokenAttributesIn([{ path: CONFIG, text: read(CONFIG) ?? "" }])[0]?.audience,
      };
    },
    snapshot: () =>
      [
        EXTRA_ARGS,
        CONFIG,
        BROKER_CONFIG,
        ...["/etc/kubernetes/providers", "/opt/plugins"].flatMap((folder) => {
          const names = files.list(folder);
          return "value" in names ? names.value.map((name) => `${folder}/${name}`) : [];
        }),
      ]
        .map((path) => `${path}: ${read(path)}`)
        .join("\n"),
  };
}
