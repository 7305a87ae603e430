/** The step that changes the node: installs, and restarts the kubelet if it needs a restart and this is allowed. */
import type { Installation } from "./installation.ts";
import type { KubeletNeed } from "./kubelet-need.ts";
import type { Restartable, RestartResult } from "./kubelet-restart.ts";
import type { KubeletState } from "./node-state.ts";

export interface InstallOptions {
  readonly installation: Installation;
  /** Undefined if the kubelet must not be restarted. */
  readonly restartKubelet: ((need: Restartable) => Promise<RestartResult>) | undefined;
  say(text: string): void;
}

type InstallOutcome =
  | { readonly kind: "installed"; readonly kubelet: KubeletState }
  | Exclude<RestartResult, { kind: "restarted" }>;

const WITHOUT_RESTART: Readonly<Record<KubeletNeed["kind"], KubeletState>> = {
  nothing: "ready",
  restart: "needs-restart",
  flags: "needs-flags",
  "by-hand": "needs-flags",
};

export async function installOnNode({ installation, restartKubelet, say }: InstallOptions): Promise<InstallOutcome> {
  say(`holds the Lease: installs version ${installation.version}`);
  const installed = await installation.install();
  if (!installed.ok) return { kind: "failed", reason: installed.reason, staysCordoned: false };
  const need = installed.kubelet;
  const isRestartable = need.kind === "restart" || need.kind === "flags";
  if (!isRestartable || restartKubelet === undefined) return { kind: "installed", kubelet: WITHOUT_RESTART[need.kind] };
  const result = await restartKubelet(need);
  return result.kind === "restarted" ? { kind: "installed", kubelet: "ready" } : result;
}
