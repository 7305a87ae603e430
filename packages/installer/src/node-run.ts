/** One run of a node command: takes the lock, rolls an unfinished run back first, and rolls this one back if it fails. */

import { DEFAULT_CONFIG_PATH } from "@ocir-broker/credentials/config/load";
import type { NodeResult } from "@ocir-broker/protocol/node-result";
import { installErrorOf } from "./install-error.ts";
import { CONFIG_FOLDER, RUNTIME_FOLDERS } from "./installed-files.ts";
import { LOCK, takeLock } from "./lock.ts";
import type { NodeContext } from "./node-context.ts";
import { createRun, type Run } from "./run.ts";
import { createUnits, type Units } from "./units.ts";

export interface NodeRun {
  readonly run: Run;
  readonly units: Units;
  /** The paths of an unfinished run that was rolled back first. */
  readonly rolledBack: readonly string[];
}

/** Never rejects for an error of the node. @param signal ends the run before its next step. */
export async function runOnNode(
  node: NodeContext,
  signal: AbortSignal,
  work: (nodeRun: NodeRun) => Promise<Partial<NodeResult>>,
): Promise<NodeResult> {
  const failed = (error: unknown, run?: Run): NodeResult => {
    const { code, message: reason } = installErrorOf(error);
    return { ok: false, code, reason, version: node.version, steps: run?.steps() ?? [], ...leftOf(run) };
  };
  try {
    await using lock = await takeLock(
      () => node.say("another installation runs on this node: waiting for its end"),
      node.disk.at(LOCK),
    );
    void lock;
    const run = createRun({ disk: node.disk, signal, say: node.say });
    const units = createUnits(node);
    try {
      const rolledBack = await rollBack(node, run, units);
      const result = await work({ run, units, rolledBack });
      return { ok: true, version: node.version, steps: run.steps(), ...leftOf(run), ...result };
    } catch (error) {
      const isUpgrade = run.isPending() && run.record().version !== undefined;
      await rollBack(node, run, units);
      if (isUpgrade) node.say("the previous version is restored");
      return failed(error, run);
    }
  } catch (error) {
    return failed(error);
  }
}

/** @returns the paths that an unfinished run had changed. */
async function rollBack(node: NodeContext, run: Run, units: Units): Promise<readonly string[]> {
  const { pending } = run.record();
  if (pending === undefined) return run.rollBack();
  node.say("an unfinished run is rolled back");
  const paths = Object.keys(pending.files);
  // Otherwise systemd may start a kubelet with flags that name a configuration which is gone.
  if (run.rollBack((path) => path.includes("/kubelet.service")).length > 0) await units.reload();
  if (pending.isFirst) {
    // The kubelet's calls leave our plugin before the daemon's socket closes. The units' own files are needed to disable them.
    run.rollBack((path) => pending.files[path]?.entry.isProgram !== true);
    await units.disable();
  }
  run.rollBack();
  if (pending.isFirst) {
    for (const folder of RUNTIME_FOLDERS) node.disk.clear(folder);
    node.disk.removeFolder(CONFIG_FOLDER);
  }
  await units.reload();
  const isDaemons = (path: string): boolean => path.startsWith("/usr/") || path === DEFAULT_CONFIG_PATH;
  if (!pending.isFirst && paths.some(isDaemons) && (await units.isWanted())) {
    const reason = await units.bringUp({ isChanged: true });
    if (reason !== undefined) node.say(reason);
  }
  return paths;
}

function leftOf(run: Run | undefined): Pick<NodeResult, "left"> {
  const left = run?.left() ?? [];
  return left.length === 0 ? {} : { left };
}
