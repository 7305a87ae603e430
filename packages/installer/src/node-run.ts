/** The machine, and what one command does to it. */
import { createRun } from "./run/run.ts";
import type { RunState } from "./run/run-state.ts";
import type { NodeContext } from "./system/node-context.ts";
import { createUnits, type Units } from "./system/units.ts";

export interface NodeRun extends NodeContext, RunState {
  readonly units: Units;
}

/** @param signal ends the run before its next step. @throws {InstallError} `record` */
export function createNodeRun(node: NodeContext, signal?: AbortSignal): NodeRun {
  return { ...node, ...createRun(node, signal), units: createUnits(node) };
}
