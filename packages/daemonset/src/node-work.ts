/** What a rollout does on a node: installs ocir-broker there, or removes it. */
import { kubeletAdvice } from "@ocir-broker/node/kubelet-advice";
import type { KubeletFiles, KubeletNeed } from "@ocir-broker/protocol/node-result";
import type { RestartPlan, RestartResult } from "./kubelet-restart.ts";
import type { NodeProgram } from "./node-program.ts";
import type { NodeState } from "./node-state.ts";

type WorkResult =
  /** Only `installed` and `removed` are complete; a person must act on the others. */
  { readonly kind: "is"; readonly state: NodeState } | Exclude<RestartResult, { kind: "restarted" }>;

export interface NodeWork {
  /** For people: `install version 1.2.3`. */
  readonly what: string;
  /** Whether the node's off switch excludes it. */
  readonly heedsOffSwitch: boolean;
  /** The node's state, or undefined if there is work to do, for which the Lease is needed. Changes nothing. */
  look(): Promise<NodeState | undefined>;
  /** Does the work. The caller must hold the Lease. */
  perform(): Promise<WorkResult>;
}

interface WorkOptions {
  readonly program: NodeProgram;
  /** Undefined if the kubelet must not be restarted. */
  readonly restart: ((plan: RestartPlan) => Promise<RestartResult>) | undefined;
  say(text: string): void;
}

const STATE_OF_NEED: Readonly<Record<KubeletNeed["kind"], NodeState>> = {
  nothing: "installed",
  restart: "needs-restart",
  flags: "needs-flags",
  "by-hand": "needs-flags",
  connect: "needs-flags",
};

export function createInstallWork({ program, restart, say }: WorkOptions): NodeWork {
  /** The kubelet's files after a finished installation; undefined if it is unknown or unfinished. */
  let files: KubeletFiles | undefined;
  let hasLooked = false;
  let said = "";

  /** The node's state, which may change at any time, or the restart that changes it. */
  async function examine(found: KubeletFiles): Promise<NodeState | (() => Promise<RestartResult>)> {
    const need = await program.need(found);
    if (restart !== undefined && (need.kind === "restart" || need.kind === "flags")) {
      // Flags that an earlier pod has added are removed too if the kubelet does not start with them.
      const isAdded = need.kind === "flags" || need.because === "flags";
      return () => restart({ flags: isAdded ? "add" : "keep", files: found });
    }
    const advice = kubeletAdvice(need, found);
    if (advice.join() !== said) advice.forEach(say);
    said = advice.join();
    return STATE_OF_NEED[need.kind];
  }

  return {
    what: `install version ${program.version}`,
    heedsOffSwitch: true,
    async look() {
      if (!hasLooked) files = await program.installed();
      hasLooked = true;
      const found = files && (await examine(files));
      return typeof found === "function" ? undefined : found;
    },
    async perform() {
      if (files === undefined) {
        const result = await program.install();
        if (!result.ok) return { kind: "failed", reason: result.reason, staysCordoned: false };
        files = result.flags;
      }
      if (files === undefined) throw new Error("the installation has named no files for the kubelet's flags");
      const found = await examine(files);
      if (typeof found === "string") return { kind: "is", state: found };
      const restarted = await found();
      return restarted.kind === "restarted" ? { kind: "is", state: "installed" } : restarted;
    },
  };
}

/** Removes the flags first if they are ours and the kubelet may be restarted, so that nothing has to stay for it. */
export function createRemoveWork({ program, restart, say }: WorkOptions): NodeWork {
  return {
    what: "remove ocir-broker",
    heedsOffSwitch: false,
    look: async () => (program.isThere() ? undefined : "removed"),
    async perform() {
      if (restart !== undefined && (await program.hasAddedFlags())) {
        const restarted = await restart({ flags: "remove", files: undefined });
        if (restarted.kind !== "restarted") return restarted;
      }
      const result = await program.remove();
      if (!result.ok) return { kind: "failed", reason: result.reason, staysCordoned: false };
      for (const { path, why } of result.left ?? []) say(`${path} stays: ${why}`);
      return { kind: "is", state: "removed" };
    },
  };
}
