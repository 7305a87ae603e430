/** What the node commands use of the machine. */
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { NodeFiles } from "@ocir-broker/node/node-files";
import type { RunProgram } from "@ocir-broker/node/program-run";
import { DISABLED_FILE } from "@ocir-broker/protocol/contract";
import type { Disk } from "../disk.ts";

export interface NodeContext {
  readonly disk: Disk;
  /** The same files, to read as a kubelet does. */
  readonly files: NodeFiles;
  readonly clock: Clock;
  readonly runProgram: RunProgram;
  /** The version of this program. */
  readonly version: string;
  /** Base URL of the instance metadata service, if it is not Oracle's. */
  readonly metadataUrl: string | undefined;
  /** Prints one line for people for each step and each problem. */
  say(line: string): void;
}

/** Whether `ocir-broker disable` has switched ocir-broker off on this node. */
export function isDisabled({ disk }: Pick<NodeContext, "disk">): boolean {
  return disk.isThere(DISABLED_FILE);
}
