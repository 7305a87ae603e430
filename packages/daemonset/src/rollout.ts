/**
 * One node's part of a rollout: waits for the Lease, installs, restarts the kubelet if this is allowed, and releases the Lease. A
 * failed node keeps the Lease, which stops the rollout, until the node is repaired, cordoned or gone.
 */
import { type Cluster, describeRefusal, isConflict } from "./cluster.ts";
import type { Installation } from "./installation.ts";
import type { KubeletNeed } from "./kubelet-need.ts";
import type { RestartResult } from "./kubelet-restart.ts";
import type { NodeLease } from "./lease.ts";
import {
  excludeCommand,
  failedPatch,
  failureEvent,
  installedPatch,
  isCordoned,
  isCordonedByUs,
  type KubeletState,
} from "./node-state.ts";

export interface RolloutOptions {
  readonly node: string;
  readonly leaseSeconds: number;
  readonly cluster: Cluster;
  readonly lease: NodeLease;
  readonly installation: Installation;
  /** Undefined if the kubelet must not be restarted. */
  readonly restartKubelet:
    | ((need: Extract<KubeletNeed, { kind: "restart" | "flags" }>) => Promise<RestartResult>)
    | undefined;
  /** Aborted when the pod is deleted. A step that has begun is finished. */
  readonly ending: AbortSignal;
  nowSeconds(): number;
  /** Waits about a twentieth of the Lease, or until `ending`. */
  pause(): Promise<void>;
  setReady(ready: boolean): void;
  say(text: string): void;
}

const CORDONED = "this node is cordoned; it waits for the Lease after it is uncordoned";
const DISABLED = "ocir-broker is switched off on this node; it waits for the Lease after `ocir-broker enable`";

/** Resolves when the image's version is installed, or after `ending`. */
export async function rollOut(options: RolloutOptions): Promise<void> {
  const { node, leaseSeconds, cluster, lease, installation, ending, say, setReady } = options;
  let told = "";
  /** Time of a failed node's next try. */
  let retryAt: number | undefined;
  let mayHoldLease = true;

  function tell(text: string): void {
    if (text !== told) say(text);
    told = text;
  }

  /** @returns whether the rollout on this node is complete. */
  async function advance(): Promise<boolean> {
    const state = await cluster.readNode();
    const isLeftAlone = installation.isDisabled() ? DISABLED : isCordoned(state) && !isCordonedByUs(state) && CORDONED;
    if (isLeftAlone) {
      await skip(isLeftAlone);
      return false;
    }
    setReady(false);
    mayHoldLease = true;
    const taken = await lease.take();
    if (taken.kind === "waiting") tell(`waiting: ${taken.holder} holds the Lease`);
    if (taken.kind !== "ours") return false;
    if (retryAt !== undefined && options.nowSeconds() < retryAt) return false;
    if (ending.aborted) {
      if (retryAt === undefined) await releaseLease();
      return false;
    }
    return install();
  }

  /** An administrator has excluded the node. A failed node then releases the Lease too, so that the rollout continues. */
  async function skip(reason: string): Promise<void> {
    tell(`skipped: ${reason}`);
    setReady(true);
    if (!mayHoldLease) return;
    await lease.release();
    mayHoldLease = false;
    retryAt = undefined;
  }

  async function install(): Promise<boolean> {
    say(`holds the Lease: installs version ${installation.version}`);
    const installed = await installation.install();
    if (!installed.ok) return fail(installed.reason);
    const kubelet = await connectKubelet(installed.kubelet);
    if (typeof kubelet === "object") {
      if (kubelet.kind === "failed") return fail(kubelet.reason, kubelet.staysCordoned);
      say("the kubelet is not restarted yet, because pods of this node keep starting: other nodes go first");
      await releaseLease();
      return false;
    }
    installation.complete(kubelet);
    say(`installed: version ${installation.version}; kubelet: ${kubelet}`);
    await finish(kubelet);
    return true;
  }

  async function finish(kubelet: KubeletState): Promise<void> {
    setReady(true);
    await persist(async () =>
      cluster.patchNode(installedPatch(await cluster.readNode(), installation.version, kubelet)),
    );
    await releaseLease();
  }

  async function connectKubelet(
    need: KubeletNeed,
  ): Promise<KubeletState | Exclude<RestartResult, { kind: "restarted" }>> {
    if (need.kind === "nothing") return "ready";
    if (need.kind === "by-hand") return "needs-flags";
    if (options.restartKubelet === undefined) return need.kind === "restart" ? "needs-restart" : "needs-flags";
    const result = await options.restartKubelet(need);
    return result.kind === "restarted" ? "ready" : result;
  }

  async function fail(reason: string, staysCordoned = false): Promise<false> {
    const exclude = excludeCommand(node, staysCordoned);
    const retrySeconds = Math.floor(leaseSeconds / 3);
    retryAt = options.nowSeconds() + retrySeconds;
    told = "";
    say(
      `FAULT: ${reason}. The rollout stops here: no other node is changed until the fault is fixed (retry in ${retrySeconds} s, or at ` +
        `once if you delete this pod), this node is cordoned (${exclude}), or its pod is gone for ${leaseSeconds} s`,
    );
    await persist(() => cluster.patchNode(failedPatch(reason)));
    await persist(() => cluster.report(failureEvent(reason, exclude)));
    return false;
  }

  const releaseLease = () => persist(() => lease.release());

  /** Tries until it succeeds, or until others may take the Lease anyway. */
  async function persist(step: () => Promise<void>): Promise<void> {
    const endSeconds = options.nowSeconds() + leaseSeconds;
    for (;;) {
      try {
        return await step();
      } catch (error) {
        if (!isConflict(error)) tell(`waiting: ${describeRefusal(error)}`);
        if (options.nowSeconds() >= endSeconds) return;
      }
      await options.pause();
    }
  }

  const earlier = await installation.completed();
  if (earlier !== undefined) {
    say(`installed: version ${installation.version}, by an earlier pod`);
    // That pod may have been killed before it could finish, or a pod of another version has failed meanwhile and holds the Lease.
    return finish(earlier);
  }
  do {
    try {
      if (await advance()) return;
    } catch (error) {
      tell(`waiting: ${describeRefusal(error)}`);
    }
    if (!ending.aborted) await options.pause();
  } while (!ending.aborted);
}
