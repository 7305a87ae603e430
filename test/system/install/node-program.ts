/** `ocir-broker node …` on a test node, of an unpacked archive and of the installation. */
import type { ExecResult } from "../systemd-root/index.ts";
import type { Archive } from "./archives.ts";
import type { OkeNode } from "./oke-node.ts";

export const PROGRAM = "/usr/libexec/ocir-broker/ocir-broker";

/** The command that installs this archive, unpacked, and connects the kubelet. */
export async function installCommand(node: OkeNode, archive: Archive, ...args: string[]): Promise<string[]> {
  const folder = await node.unpack(archive);
  return [`${folder}${PROGRAM}`, "node", "install", "--from", folder, "--connect", ...args];
}

export async function installAndConnect(node: OkeNode, archive: Archive, ...args: string[]): Promise<ExecResult> {
  const [program = "", ...words] = await installCommand(node, archive, ...args);
  return node.root.exec(program, words);
}

/** Of the installed program. */
export function runNode(node: OkeNode, ...args: string[]): Promise<ExecResult> {
  return node.root.exec(PROGRAM, ["node", ...args]);
}
