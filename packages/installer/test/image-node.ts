/** For tests: a node without a running systemd, as in an image build, unpacked archives, and an installation. */
import { createHash } from "node:crypto";
import fs from "node:fs";
import { dirname, join } from "node:path";
import type { RunProgram } from "@ocir-broker/node/program-run";
import { createNodeTree } from "@ocir-broker/node/test/node-tree";
import { printed } from "@ocir-broker/node/test/program-double";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import type { InstallCommand } from "../src/install.ts";
import { DO_NOTHING_PROGRAM, MANIFEST, PLUGIN, PROGRAM, SHIM } from "../src/installed-files.ts";
import { installNode } from "../src/node-commands.ts";
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
export const LIBRARY = join(dirname(PROGRAM), "libatomic.so.1");
/** Only an archive installs these. */
const ARCHIVE_ONLY = "/usr/lib/tmpfiles.d/ocir-broker-of-archive.conf";
const NOT_PACKAGED = [MANIFEST, ARCHIVE_ONLY];
export const NEVER = new AbortController().signal;

export type Node = ReturnType<typeof nodeAt>;

/** Below a temporary folder, with a kubelet's unit and another provider. `before` is its snapshot from then. */
export function createNode({ owner = "" } = {}) {
  const node = nodeAt(temporaryFolder(), { areEnabled: false }, owner);
  node.write(CONFIG, OTHER_PROVIDER, 0o640);
  node.write("/usr/local/bin/other-provider", "", 0o755);
  node.write("/usr/lib/systemd/system/kubelet.service", "[Service]\nExecStart=/usr/bin/kubelet $KUBELET_EXTRA_ARGS\n");
  node.write(PLUGIN, "#!/bin/sh\n", 0o755);
  for (const folder of ["run", "var/lib"]) fs.mkdirSync(join(node.root, folder), { recursive: true });
  return { ...node, before: node.snapshot() };
}

export function nodeAt(root: string, enabled: { readonly areEnabled: boolean }, owner = "") {
  const units = { ...enabled };
  const said: string[] = [];
  const runProgram: RunProgram = async ({ path, args }) => {
    if (args.includes("enable") || args.includes("disable")) units.areEnabled = args.includes("enable");
    const isYes = args.includes("is-enabled")
      ? units.areEnabled
      : path === owner
        ? !NOT_PACKAGED.some((file) => args.includes(file))
        : !["dpkg", "rpm"].includes(path);
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

/** An unpacked archive. */
export function archive(version: string): string {
  const { root, write } = createNodeTree();
  const others = [
    "/usr/lib/systemd/system/ocir-broker.service",
    ARCHIVE_ONLY,
    `/usr/share/doc/ocir-broker/new-in-${version}`,
  ];
  const sums = [PROGRAM, LIBRARY, SHIM, DO_NOTHING_PROGRAM, ...others].map((path) => {
    const text = `${path} ${version}`;
    write(path, text, 0o755);
    return `${createHash("sha256").update(text).digest("hex")}  ${path.slice(1)}\n`;
  });
  write("SHA256SUMS", sums.join(""));
  return root;
}

export const install = (node: Node, from: string | undefined, command: Partial<InstallCommand> = {}) =>
  installNode(node.context, NEVER, { from, connect: CONNECT, checkConfig() {}, ...command });

/** A node with version 1. */
export async function installedNode() {
  const node = createNode();
  await install(node, archive("1"));
  return node;
}
