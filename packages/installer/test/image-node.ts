/** For tests: a node without a running systemd, as in an image build, unpacked archives, and an installation. */
import { createHash } from "node:crypto";
import fs from "node:fs";
import { join } from "node:path";
import type { RunProgram } from "@ocir-broker/node/program-run";
import { createNodeTree } from "@ocir-broker/node/test/node-tree";
import { printed } from "@ocir-broker/node/test/program-double";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { type InstallCommand, installNode } from "../src/commands/install.ts";
import { FOLDER, PACKAGE, PLUGIN } from "../src/installed-files.ts";
import { nodeContextAt } from "./node-context.ts";

export const CONFIG = "/etc/kubernetes/credential-provider-config.yaml";
export const OTHER_PROVIDER = `apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
- name: other-provider
  apiVersion: credentialprovider.kubelet.k8s.io/v1
  matchImages: [registry.example.com]
  defaultCacheDuration: 1h
`;
export const CONNECT = { kubeletVersion: "1.34" };
export const NEVER = new AbortController().signal;

export type Node = ReturnType<typeof nodeAt>;

/** Below a temporary folder, with a kubelet's unit and another provider. `before` is its snapshot from then. */
export function createNode() {
  const node = nodeAt(temporaryFolder(), { areEnabled: false });
  node.write(CONFIG, OTHER_PROVIDER, 0o640);
  node.write("/usr/local/bin/other-provider", "", 0o755);
  node.write("/usr/lib/systemd/system/kubelet.service", "[Service]\nExecStart=/usr/bin/kubelet $KUBELET_EXTRA_ARGS\n");
  node.write(PLUGIN, "#!/bin/sh\n", 0o755);
  for (const folder of ["run", "var/lib"]) fs.mkdirSync(join(node.root, folder), { recursive: true });
  return { ...node, before: node.snapshot() };
}

function nodeAt(root: string, enabled: { readonly areEnabled: boolean }) {
  const units = { ...enabled };
  const said: string[] = [];
  const runProgram: RunProgram = async ({ args }) => {
    if (args.includes("enable") || args.includes("disable")) units.areEnabled = args.includes("enable");
    const isYes = args.includes("is-enabled") ? units.areEnabled : !args.includes("is-active");
    return printed("", { exitCode: isYes ? 0 : 1 });
  };
  return {
    ...createNodeTree(root),
    units,
    said,
    context: nodeContextAt(root, { runProgram, say: (line) => said.push(line) }),
    read: (path: string): string => fs.readFileSync(join(root, path), "utf8"),
    /** The file to which a link leads, on the node. */
    through: (path: string): string => fs.readFileSync(join(root, fs.readlinkSync(join(root, path))), "utf8"),
    snapshot: () => snapshotOf(root),
  };
}

/** Each path with its mode, and content or target. */
export function snapshotOf(root: string): string[] {
  const names = fs.readdirSync(root, { recursive: true, encoding: "utf8" }).toSorted();
  return names
    .filter((name) => name !== "run/ocir-broker-install.lock")
    .map((name) => {
      const stats = fs.lstatSync(join(root, name));
      if (stats.isSymbolicLink()) return `${name} -> ${fs.readlinkSync(join(root, name))}`;
      return `${name} ${stats.mode.toString(8)} ${stats.isFile() ? fs.readFileSync(join(root, name), "utf8") : ""}`;
    });
}

export const OWN_UNIT = "/usr/lib/systemd/system/ocir-broker.service";
const PROGRAMS = ["ocir-broker", "credential-provider-oke", "docker-credential-ocir", "ocir-broker-launch"];

/** The files of a version, with their texts. */
function filesOf(version: string): [name: string, text: string][] {
  const names = [...PROGRAMS, `root${OWN_UNIT}`, `root/usr/lib/tmpfiles.d/ocir-broker-${version}.conf`];
  return names.map((name) => [name, `${name} ${version}`]);
}

/** An unpacked archive. */
export function archive(version: string): string {
  const { root, write } = createNodeTree();
  const files = filesOf(version);
  for (const [name, text] of files) write(name, text, 0o755);
  const sums = files.map(([name, text]) => `${createHash("sha256").update(text).digest("hex")}  ${name}\n`);
  write("SHA256SUMS", sums.join(""));
  return root;
}

/** As dpkg and rpm do, before their scripts. */
export function unpackPackage(node: Node, version: string): void {
  fs.rmSync(join(node.root, FOLDER, PACKAGE), { recursive: true, force: true });
  for (const [name, text] of filesOf(version)) node.write(`${FOLDER}/${PACKAGE}/${name}`, text, 0o755);
}

export const install = (node: Node, from: string | undefined, command: Partial<InstallCommand> = {}) =>
  installNode({ ...node.context, version: versionOf(from) }, NEVER, {
    from,
    connect: CONNECT,
    checkConfig() {},
    ...command,
  });

/** The program of an archive has its version. */
function versionOf(from: string | undefined): string {
  return from === undefined ? "1" : (fs.readFileSync(join(from, "ocir-broker"), "utf8").split(" ")[1] ?? "");
}

/** A node with version 1. */
export async function installedNode() {
  const node = createNode();
  await install(node, archive("1"));
  return node;
}
