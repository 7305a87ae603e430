import { detectKubelet } from "@ocir-broker/node/kubelet";
import type { NodeResult } from "@ocir-broker/protocol/node-result";
import { CONNECTION_KINDS } from "../change.ts";
import { InstallError } from "../install-error.ts";
import { connection } from "../kubelet/connect.ts";
import { readKubeletPaths } from "../kubelet/kubelet-paths.ts";
import { createNodeRun, type NodeRun } from "../node-run.ts";
import type { NodeContext } from "../system/node-context.ts";
import { withNeed } from "./connect.ts";
import { expectInstalled } from "./expectations.ts";

/** Each file changed for the kubelet is a step: `done` if it is as we have written it, else `changed since`. */
export async function statusOfNode(context: NodeContext): Promise<NodeResult> {
  const node = createNodeRun(context);
  const { copies, version } = node;
  const steps = copies.paths(...CONNECTION_KINDS).map((path) => ({
    name: path,
    state: copies.isOurs(path) ? ("done" as const) : ("changed since" as const),
  }));
  try {
    expectInstalled(node);
  } catch (error) {
    if (!(error instanceof InstallError)) throw error;
    return { ok: false, code: error.code, reason: error.message, version, steps };
  }
  const [flagsIn] = copies.paths("kubelet-flags");
  const result = { ok: true, version, steps, ...(flagsIn !== undefined && { flagsIn }) };
  const status = await withNeed(node, { ...result, flags: await readKubeletPaths(node) });
  if (status.kubelet?.kind !== "nothing" || status.kubelet.isStopped || !(await isOutdated(node))) return status;
  return { ...status, kubelet: { kind: "outdated" } };
}

/** Whether `node connect` would change a file. False if it would fail. */
async function isOutdated(node: NodeRun): Promise<boolean> {
  const { minor } = (await detectKubelet(node.files, node.runProgram)) ?? {};
  if (minor === undefined) return false;
  const { before, after } = await connection({ ...node, say() {} }, { kubeletVersion: `1.${minor}` }).catch(() => ({
    before: [],
    after: [],
  }));
  return [...before, ...after].some(node.copies.isChange);
}
