/**
 * Removes ocir-broker from the node, in the reverse order: first the kubelet's files, last our folder. Each part can be removed again,
 * so a removal that was killed is completed by the next one.
 */
import { BROKER_PROGRAM } from "@ocir-broker/protocol/contract";
import type { NodeResult } from "@ocir-broker/protocol/node-result";
import { LIST } from "../copies.ts";
import { CONFIG_FOLDER, CURRENT, DAEMON_FOLDERS, FOLDER, STATE_FOLDER } from "../installed-files.ts";
import { savePoolConfig } from "../kubelet/broker-config.ts";
import { restoration } from "../kubelet/restoration.ts";
import { type NodeRun, runOnNode } from "../node-run.ts";
import { ourFiles } from "../our-files.ts";
import { isDisabled, type NodeContext } from "../system/node-context.ts";
import { currentVersion, hasPackage, keepOnly } from "../versions.ts";
import { restoreConnection, restoreFlags, watchKubelet } from "./connect.ts";
import { refuseEarlierLayout } from "./expectations.ts";
import { clearDisabled } from "./off-switch.ts";

export function removeNode(context: NodeContext, signal: AbortSignal): Promise<NodeResult> {
  return runOnNode(context, signal, async (node) => {
    refuseEarlierLayout(node);
    const adviseRestart = await watchKubelet(node);
    await removeAll(node);
    await adviseRestart();
    return hasPackage(node.disk) ? { isPackage: true } : {};
  });
}

export async function removeAll(node: NodeRun): Promise<void> {
  const { disk, units, copies } = node;
  const isLost = !copies.isThere && currentVersion(disk) !== undefined;
  const restored = await restoration(node, "installation");
  copies.setInstalled(false);
  await restoreFlags(node, restored);
  savePoolConfig(node, undefined);
  await restoreConnection(node, restored);
  if (isDisabled(node)) await clearDisabled(node);
  const files = ourFiles(node);
  if (files.length > 0) {
    await units.disable();
    files.forEach(disk.remove);
    node.done("units", "disabled, stopped and removed");
  }
  for (const folder of DAEMON_FOLDERS) disk.clear(folder);
  await units.reload();
  const isThere = disk.isThere(CURRENT);
  keepOnly(disk);
  node.restore(["command"], restored.commands);
  disk.write(CURRENT, { kind: "absent" });
  for (const folder of [FOLDER, CONFIG_FOLDER]) disk.removeFolder(folder);
  if (isThere) node.done("version", "removed");
  else if (files.length === 0) node.say("ocir-broker is not installed on this node: there is nothing to remove");
  if (isLost) node.say(`${LIST} is missing: what was there before ${BROKER_PROGRAM} cannot be brought back`);
  disk.removeFolder(STATE_FOLDER);
}
