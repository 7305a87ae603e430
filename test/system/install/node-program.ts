/** `ocir-broker node …` on a test node, of the unpacked archive and of the installation. */
import type { ExecResult } from "../systemd-root/index.ts";
import type { GivenNode } from "./given-node.ts";
import type { OkeNode } from "./oke-node.ts";

export const PROGRAM = "/usr/libexec/ocir-broker/ocir-broker";

/** The command that installs the archive, unpacked, and connects the kubelet. */
export async function installCommand(node: GivenNode): Promise<[program: string, ...args: string[]]> {
  const folder = await node.unpack(node.archives.good);
  return [`${folder}${PROGRAM}`, "node", "install", "--from", folder, "--connect"];
}

/** Rejects with the program's output if it fails. */
export async function installAndConnect(node: GivenNode): Promise<void> {
  const [program, ...args] = await installCommand(node);
  await node.root.run(program, args);
}

/** Of the installed program. */
export function runNode(node: OkeNode, ...args: string[]): Promise<ExecResult> {
  return node.root.exec(PROGRAM, ["node", ...args]);
}
