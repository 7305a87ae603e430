/** Finds a node that `ocir-broker disable` has switched off, so that doctor does not report the stopped units as faults. */
import { DISABLED_FILE } from "@ocir-broker/protocol";
import { type Finding, finding } from "../finding.ts";
import type { NodeFiles } from "../node/node-files.ts";

/** One finding, or none if the node is not switched off. */
export function offSwitchFindings(files: NodeFiles): readonly Finding[] {
  const stats = files.lstat(DISABLED_FILE);
  if ("failure" in stats) return [];
  return [finding("switched-off", `${DISABLED_FILE}, since ${stats.value.mtime.toISOString()}`)];
}
