/** For tests: the node below a folder, without Oracle's metadata service. */
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { createNodeFiles } from "@ocir-broker/node/node-files";
import { createDisk } from "../src/disk.ts";
import type { NodeContext } from "../src/system/node-context.ts";

type Given = Pick<NodeContext, "runProgram"> & Partial<Pick<NodeContext, "clock" | "say">>;

export function nodeContextAt(root: string, given: Given): NodeContext {
  return {
    disk: createDisk(root),
    files: createNodeFiles(root),
    clock: createSystemClock(),
    version: "1.2.3",
    // Nothing listens there.
    metadataUrl: "http://127.0.0.1:1",
    say() {},
    ...given,
  };
}
