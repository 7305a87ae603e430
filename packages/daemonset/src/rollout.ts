/**
 * One node's part of a rollout: waits for the Lease, does the node's work, and releases the Lease. A failed node keeps the Lease, which
 * stops the rollout, until the node is repaired, cordoned or gone.
 */
import { describeRefusal, isConflict } from "@ocir-broker/kubernetes/api-error";
import type { Lease } from "@ocir-broker/kubernetes/lease";
import type { Cluster } from "./cluster.ts";
import type { NodeProgram } from "./node-program.ts";
import {
  excludeCommand,
  FAILED,
  failedPatch,
  failureMessage,
  isCordoned,
  isCordonedByUs,
  type NodeState,
  statePatch,
} from "./node-state.ts";
import type { NodeWork } from "./node-work.ts";

export interface RolloutOptions {
  readonly work: NodeWork;
  readonly program: Pick<NodeProgram, "version" | "isDisabled">;
  readonly node: string;
  readonly leaseSeconds: number;
  readonly cluster: Cluster;
  readonly lease: Lease;
  /** Aborted when the pod is deleted. A step that has begun is finished. */
  readonly ending: AbortSignal;
  nowSeconds(): number;
  /** Waits about a twentieth of the Lease, or until `ending` or `isOver`. */
  pause(isOver?: AbortSignal): Promise<void>;
  setReady(ready: boolean): void;
  say(text: string): void;
}

const CORDONED = "this node is cordoned; it waits for the Lease after it is uncordoned";
const DISABLED = "ocir-broker is switched off on this node; it waits for the Lease after `ocir-broker enable`";

const STATE_LINES: Readonly<Record<NodeState, (version: string) => string>> = {
  installed: (version) => `installed: version ${version}`,
  "needs-flags": (version) => `needs-flags: version ${version} is installed, and the kubelet needs its flags to use it`,
  "needs-restart": (version) =>
    `needs-restart: version ${version} is installed, and the kubelet uses it after a restart`,
  removed: () => "removed",
};

/** Resolves when the work is complete, or after `ending`. */
export function rollOut(options: RolloutOptions): Promise<void> {
  return new Rollout(options).run();
}

class Rollout {
  readonly #options: RolloutOptions;
  #told = "";
  /** Time of a failed node's next try. */
  #retryAt: number | undefined;
  #mayHoldLease = true;
  /** The state on the Node. */
  #shown: NodeState | undefined;

  constructor(options: RolloutOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { ending } = this.#options;
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
    const { work, program, cluster } = this.#options;
    if (work.heedsOffSwitch && program.isDisabled()) return this.#skip(DISABLED);
    const state = await work.look();
    // A pod may have been killed before it could show it, or a pod of another version has failed meanwhile and holds the Lease.
    if (state !== undefined) return this.#show(state);
    const node = await cluster.readNode();
    if (isCordoned(node) && !isCordonedByUs(node)) return this.#skip(CORDONED);
    return (await this.#mayWork()) && this.#work();
  }

  /** An administrator has excluded the node. A failed node then releases the Lease too, so that the rollout continues. */
  async #skip(reason: string): Promise<false> {
    this.#tell(`skipped: ${reason}`);
    this.#options.setReady(true);
    if (this.#mayHoldLease) await this.#options.lease.release();
    this.#mayHoldLease = false;
    this.#retryAt = undefined;
    return false;
  }

  /** Takes the Lease. A failed node keeps it until its next try is due, and after its pod is deleted. */
  async #mayWork(): Promise<boolean> {
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

  async #work(): Promise<boolean> {
    const { work, say } = this.#options;
    say(`holds the Lease: ${work.what}`);
    const result = await this.#renewing(work.perform());
    if (result.kind === "failed") await this.#fail(result.reason, result.staysCordoned);
    if (result.kind === "busy") {
      say("the kubelet is not restarted yet, because pods of this node keep starting: other nodes go first");
      await this.#releaseLease();
    }
    return result.kind === "is" && this.#show(result.state);
  }

  /** Renews the Lease until the work has ended. */
  async #renewing<Result>(work: Promise<Result>): Promise<Result> {
    const { lease, pause } = this.#options;
    const over = new AbortController();
    const ended = work.finally(() => over.abort());
    while (!over.signal.aborted) {
      await Promise.race([ended, pause(over.signal)]);
      // A failure of the API server does not end the work.
      if (!over.signal.aborted) await lease.take().catch(() => undefined);
    }
    return ended;
  }

  /** Shows the state on the Node and releases the Lease. @returns whether the rollout on this node is complete. */
  async #show(state: NodeState): Promise<boolean> {
    const { cluster, program, setReady } = this.#options;
    const isComplete = state === "installed" || state === "removed";
    setReady(isComplete);
    this.#retryAt = undefined;
    if (this.#shown === state) return isComplete;
    this.#tell(STATE_LINES[state](program.version));
    await this.#persist(async () => cluster.patchNode(statePatch(await cluster.readNode(), state, program.version)));
    this.#shown = state;
    await this.#releaseLease();
    this.#mayHoldLease = false;
    return isComplete;
  }

  async #fail(reason: string, staysCordoned: boolean): Promise<void> {
    const { node, leaseSeconds, cluster, say } = this.#options;
    const exclude = excludeCommand(node, staysCordoned);
    const retrySeconds = Math.floor(leaseSeconds / 3);
    this.#shown = undefined;
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
