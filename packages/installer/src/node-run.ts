/** The machine, and what one command does to it. */
import { setImmediate } from "node:timers/promises";
import type { NodeResult } from "@ocir-broker/protocol/node-result";
import type { Change, ChangeKind } from "./change.ts";
import { type Copies, createCopies } from "./copies.ts";
import { InstallError, installErrorOf } from "./install-error.ts";
import { withLock } from "./system/lock.ts";
import type { NodeContext } from "./system/node-context.ts";
import { createUnits, type Units } from "./system/units.ts";

export interface NodeRun extends NodeContext {
  readonly copies: Copies;
  readonly units: Units;
  readonly steps: NodeResult["steps"][number][];
  /** Files that stay, and why. */
  readonly left: NonNullable<NodeResult["left"]>[number][];
  /** Lets a signal arrive. @throws {InstallError} `killed` */
  step(): Promise<void>;
  /** Writes what is ours, and reports it. @returns whether something has changed. */
  change(changes: readonly Change[]): boolean;
  /** Brings back what was there before, and reports it. */
  restore(kinds: readonly ChangeKind[], changes: readonly Change[]): void;
  /** Adds a step to the result, and tells it. */
  done(name: string, what: string): void;
}

/** @throws {InstallError} `record` */
export function createNodeRun(node: NodeContext, signal?: AbortSignal): NodeRun {
  const copies = createCopies(node.disk);
  const steps: NodeRun["steps"] = [];
  const left: NodeRun["left"] = [];
  function done(name: string, what: string): void {
    steps.push({ name, state: "done" });
    node.say(`${name}: ${what}`);
  }
  return {
    ...node,
    copies,
    units: createUnits(node),
    steps,
    left,
    done,
    async step() {
      await setImmediate();
      if (signal?.aborted) throw new InstallError("killed", "the run was ended by a signal");
    },
    change(changes) {
      const changed = copies.change(changes);
      for (const { kind, path } of changed) {
        const hasCopy = copies.hasCopy(path);
        done(kind, `${path}${hasCopy ? ": what was there comes back when ocir-broker is removed" : ""}`);
      }
      return changed.length > 0;
    },
    restore(kinds, changes) {
      copies.restore(kinds, changes);
      for (const { kind, path, content, why } of changes)
        if (why !== undefined) left.push({ path, why });
        else
          done(
            kind,
            `${path}: ${content.kind === "absent" ? "removed: nothing was there before" : "as before ocir-broker"}`,
          );
    },
  };
}

/** One command: takes the lock, and never rejects for an error of the node. */
export async function runOnNode(
  context: NodeContext,
  signal: AbortSignal,
  work: (node: NodeRun) => Promise<Partial<NodeResult>>,
): Promise<NodeResult> {
  let node: NodeRun | undefined;
  const result = (more: Partial<NodeResult>): NodeResult => {
    const left = node === undefined || node.left.length === 0 ? {} : { left: node.left };
    return { ok: true, version: context.version, steps: node?.steps ?? [], ...left, ...more };
  };
  try {
    return await withLock(context, async () => {
      node = createNodeRun(context, signal);
      return result(await work(node));
    });
  } catch (error) {
    const { code, message: reason } = installErrorOf(error);
    return result({ ok: false, code, reason });
  }
}
