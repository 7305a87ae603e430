/** What a rollout does on a node: installs ocir-broker there, or removes it. */
import { kubeletAdvice } from "@ocir-broker/node/kubelet-advice";
import type { KubeletNeed } from "@ocir-broker/protocol/node-result";
import type { RestartPlan } from "./kubelet-restart.ts";
import type { Outcome } from "./node-command.ts";
import type { Installed, NodeProgram } from "./node-program.ts";
import type { NodeState } from "./node-state.ts";

/** The next step of the work. */
export type Task =
  | { readonly kind: "command"; run(): Promise<Outcome> }
  /** `state`: the node's, while the restart has to wait; undefined leaves the label. */
  | { readonly kind: "restart"; readonly plan: RestartPlan; readonly state: NodeState | undefined };

export interface NodeWork {
  /** For people: `install version 1.2.3`. */
  readonly what: string;
  /** The node's state if this program has nothing to do, or the next step, for which the Lease is needed. Changes nothing. */
  look(): Promise<NodeState | Task>;
}

interface WorkOptions {
  readonly program: NodeProgram;
  readonly mayRestart: boolean;
  say(text: string): void;
}

const STATE_OF_NEED: Readonly<Record<KubeletNeed["kind"], NodeState>> = {
  nothing: "installed",
  outdated: "installed",
  restart: "needs-restart",
  flags: "needs-flags",
  "by-hand": "needs-flags",
  connect: "needs-flags",
};

export function createInstallWork({ program, mayRestart, say }: WorkOptions): NodeWork {
  /** Undefined if it is unknown or unfinished. */
  let installed: Installed | undefined;
  let hasLooked = false;
  let said = "";

  async function install(): Promise<Outcome> {
    const result = await program.install();
    if (!result.ok) return result;
    const { flags, kubelet } = result;
    if (flags === undefined || kubelet === undefined) throw new Error("the installation has named no kubelet's flags");
    installed = { files: flags, need: kubelet };
    return result;
  }

  return {
    what: `install version ${program.version}`,
    async look() {
      if (!hasLooked) installed = await program.installed();
      else if (installed !== undefined) {
        // Without a status, for example because the record is lost, it is installed again. Other changes are an administrator's.
        const need = await program.need();
        installed = need && { files: installed.files, need };
      }
      hasLooked = true;
      if (installed === undefined) return { kind: "command", run: install };
      const { files, need } = installed;
      const state = STATE_OF_NEED[need.kind];
      if (mayRestart && (need.kind === "restart" || need.kind === "flags")) {
        // Flags that an earlier pod has added are removed too if the kubelet does not start with them.
        const isAdded = need.kind === "flags" || need.because === "flags";
        return { kind: "restart", state, plan: isAdded ? { flags: "add", files } : { flags: "keep" } };
      }
      const advice = kubeletAdvice(need, files);
      if (advice.join() !== said) for (const line of advice) say(line);
      said = advice.join();
      return state;
    },
  };
}

/** Removes the flags first if they are ours and the kubelet may be restarted, so that nothing has to stay for it. */
export function createRemoveWork({ program, mayRestart, say }: WorkOptions): NodeWork {
  let isRemoved = false;

  async function remove(): Promise<Outcome> {
    const result = await program.remove();
    isRemoved = result.ok;
    if (result.ok) for (const { path, why } of result.left ?? []) say(`${path} stays: ${why}`);
    return result;
  }

  return {
    what: "remove ocir-broker",
    async look() {
      if (isRemoved || !program.isThere()) return "removed";
      if (!mayRestart || !(await program.hasAddedFlags())) return { kind: "command", run: remove };
      return { kind: "restart", state: undefined, plan: { flags: "remove" } };
    },
  };
}
