/** What the commands would change of the files that are not ours, as a diff. Changes nothing. */
import { spawnSync } from "node:child_process";
import type { Change } from "./change.ts";
import { expectInstalled, refuseEarlierLayout } from "./commands/expectations.ts";
import { type InstallCommand, installChanges } from "./commands/install.ts";
import { type Disk, stateIfAny } from "./disk.ts";
import { connection } from "./kubelet/connect.ts";
import type { ConnectOptions } from "./kubelet/kubelet-paths.ts";
import { restoration } from "./kubelet/restoration.ts";
import { createNodeRun } from "./node-run.ts";
import type { NodeContext } from "./system/node-context.ts";

const NOTHING = "no file of others would change\n";

/** @throws {InstallError} */
export async function describeInstallation(context: NodeContext, command: InstallCommand): Promise<string> {
  const node = createNodeRun(context);
  return describe(node.disk, await installChanges(node, command));
}

/** @throws {InstallError} */
export async function describeConnection(context: NodeContext, options: ConnectOptions): Promise<string> {
  const node = createNodeRun(context);
  expectInstalled(node);
  const { before, after } = await connection(node, options);
  return describe(node.disk, [...before, ...after]);
}

/** @throws {InstallError} */
export async function describeRemoval(context: NodeContext): Promise<string> {
  const node = createNodeRun(context);
  refuseEarlierLayout(node);
  const { flags, configs, broker, plugins, commands } = await restoration(node, "installation");
  return describe(node.disk, [...flags, ...configs, ...broker, ...plugins, ...commands]);
}

function describe(disk: Disk, changes: readonly Change[]): string {
  return changes.map((change) => described(disk, change)).join("") || NOTHING;
}

function described(disk: Disk, { kind, path, content, why }: Change): string {
  const before = stateIfAny(disk, path);
  const after = disk.stateAfter(content);
  const stays = why === undefined ? "" : `${kind}: ${path} stays: ${why}\n`;
  if (before === after) return stays;
  const isText = content.kind === "text" || (kind !== "plugin" && kind !== "kubelet-plugin" && kind !== "command");
  if (!isText) return `${stays}${kind}: ${path}: ${before} -> ${after}\n`;
  const text = content.kind === "text" ? content.text : content.kind === "copy" ? disk.read(content.from) : "";
  const labels = ["--label", path, "--label", `${path} (new)`];
  const old = disk.isThere(path) ? disk.at(path) : "/dev/null";
  const { stdout } = spawnSync("diff", ["-u", ...labels, old, "-"], { input: text, encoding: "utf8" });
  return `${stays}${kind}: ${path}\n${stdout || String(text)}`;
}
