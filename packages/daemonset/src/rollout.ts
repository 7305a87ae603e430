/**
 * One node's part of a rollout: waits for the Lease, installs, restarts the kubelet if this is allowed, and releases the Lease. A
 * failed node keeps the Lease, which stops the rollout, until the node is repaired, cordoned or gone.
 */
import { describeRefusal, isConflict } from "@ocir-broker/kubernetes/api-error";
import type { NodeLease } from "@ocir-broker/kubernetes/lease";
import type { Cluster } from "./cluster.ts";
import { type InstallOptions, installOnNode } from "./install-on-node.ts";
import {
  excludeCommand,
  FAILED,
  failedPatch,
  failureMessage,
  installedPatch,
  isCordoned,
  isCordonedByUs,
  type KubeletState,
} from "./node-state.ts";

export interface RolloutOptions extends InstallOptions {
  readonly node: string;
  readonly leaseSeconds: number;
  readonly cluster: Cluster;
  readonly lease: NodeLease;
  /** Aborted when the pod is deleted. A step that has begun is finished. */
  readonly ending: AbortSignal;
  nowSeconds(): number;
  /** Waits about a twentieth of the Lease, or until `ending`. */
  pause(): Promise<void>;
  setReady(ready: boolean): void;
}

const CORDONED = "this node is cordoned; it waits for the Lease after it is uncordoned";
const DISABLED = "ocir-broker is switched off on this node; it waits for the Lease after `ocir-broker enable`";

/** Resolves when the image's version is installed, or after `ending`. */
export function rollOut(options: RolloutOptions): Promise<void> {
  return new Rollout(options).run();
}

class Rollout {
  readonly #options: RolloutOptions;
  #told = "";
  /** Time of a failed node's next try. */
  #retryAt: number | undefined;
  #mayHoldLease = true;

  constructor(options: RolloutOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { installation, ending, say } = this.#options;
    const earlier = await installation.completed();
    if (earlier !== undefined) {
      say(`installed: version ${installation.version}, by an earlier pod`);
      // That pod may have been killed before it could finish, or a pod of another version has failed meanwhile and holds the Lease.
      return this.#finish(earlier);
    }
    do {
      try {
        if (await this.#advance()) return;
      } catch (error) {
        this.#tell(`waiting: ${describeRefusal(error)}`);
      }
      if (!ending.aborted) await this.#options.pause();
    } while (!ending.aborted);
  }

  /** @returns whether the rollout on this node is complete. */
  async #advance(): Promise<boolean> {
    const reason = await this.#exclusion();
    if (reason !== undefined) {
      await this.#skip(reason);
      return false;
    }
    return (await this.#mayInstall()) && this.#install();
  }

  async #exclusion(): Promise<string | undefined> {
    const { cluster, installation } = this.#options;
    const node = await cluster.readNode();
    if (installation.isDisabled()) return DISABLED;
    return isCordoned(node) && !isCordonedByUs(node) ? CORDONED : undefined;
  }

  /** An administrator has excluded the node. A failed node then releases the Lease too, so that the rollout continues. */
  async #skip(reason: string): Promise<void> {
    this.#tell(`skipped: ${reason}`);
    this.#options.setReady(true);
    if (!this.#mayHoldLease) return;
    await this.#options.lease.release();
    this.#mayHoldLease = false;
    this.#retryAt = undefined;
  }

  /** Takes the Lease. A failed node keeps it until its next try is due, and after its pod is deleted. */
  async #mayInstall(): Promise<boolean> {
    const { lease, ending, setReady } = this.#options;
    setReady(false);
    this.#mayHoldLease = true;
    const taken = await lease.take();
    if (taken.kind === "waiting") this.#tell(`waiting: ${taken.holder} holds the Lease`);
    if (taken.kind !== "ours") return false;
    if (this.#retryAt !== undefined && this.#options.nowSeconds() < this.#retryAt) return false;
    if (ending.aborted && this.#retryAt === undefined) await this.#releaseLease();
    return !ending.aborted;
  }

  async #install(): Promise<boolean> {
    const { installation, say } = this.#options;
    const result = await installOnNode(this.#options);
    if (result.kind === "failed") await this.#fail(result.reason, result.staysCordoned);
    if (result.kind === "busy") {
      say("the kubelet is not restarted yet, because pods of this node keep starting: other nodes go first");
      await this.#releaseLease();
    }
    if (result.kind !== "installed") return false;
    installation.complete(result.kubelet);
    say(`installed: version ${installation.version}; kubelet: ${result.kubelet}`);
    await this.#finish(result.kubelet);
    return true;
  }

  async #finish(kubelet: KubeletState): Promise<void> {
    const { cluster, installation, setReady } = this.#options;
    setReady(true);
    await this.#persist(async () =>
      cluster.patchNode(installedPatch(await cluster.readNode(), installation.version, kubelet)),
    );
    await this.#releaseLease();
  }

  async #fail(reason: string, staysCordoned: boolean): Promise<void> {
    const { node, leaseSeconds, cluster, say } = this.#options;
    const exclude = excludeCommand(node, staysCordoned);
    const retrySeconds = Math.floor(leaseSeconds / 3);
    this.#retryAt = this.#options.nowSeconds() + retrySeconds;
    this.#told = "";
    say(
      `ERROR: ${reason}. The rollout stops here: no other node is changed until the error is fixed (retry in ${retrySeconds} s, or at ` +
        `once if you delete this pod), this node is cordoned (${exclude}), or its pod is gone for ${leaseSeconds} s`,
    );
    await this.#persist(() => cluster.patchNode(failedPatch(reason)));
    await this.#persist(() => cluster.warn(FAILED, failureMessage(reason, exclude)));
  }

  #releaseLease(): Promise<void> {
    return this.#persist(() => this.#options.lease.release());
  }

  /** Tries until it succeeds, or until others may take the Lease anyway. */
  async #persist(step: () => Promise<void>): Promise<void> {
    const endSeconds = this.#options.nowSeconds() + this.#options.leaseSeconds;
    for (;;) {
      try {
        return await step();
      } catch (error) {
        if (!isConflict(error)) this.#tell(`waiting: ${describeRefusal(error)}`);
        if (this.#options.nowSeconds() >= endSeconds) return;
      }
      await this.#options.pause();
    }
  }

  #tell(text: string): void {
    if (text !== this.#told) this.#options.say(text);
    this.#told = text;
  }
}
