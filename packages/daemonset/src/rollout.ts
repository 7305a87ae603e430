/**
 * One node's part of a rollout: waits for the Lease, does the node's work, and releases the Lease. A failed node keeps the Lease, which
 * stops the rollout, until the node is repaired, cordoned or gone.
 */
import { describeRefusal, isConflict, statusOf } from "@ocir-broker/kubernetes/api-error";
import { createLease, type Lease, type LeaseOptions } from "@ocir-broker/kubernetes/lease";
import { type Cluster, createNodeCluster, type NodeObject } from "./cluster.ts";
import { decide, type Facts, type Next } from "./decision/decide.ts";
import { type Tries, withFailure, withPods, withSuccess } from "./decision/tries.ts";
import { type RestartOptions, restartKubelet } from "./kubelet-restart.ts";
import type { NodeProgram } from "./node-program.ts";
import {
  busyMessage,
  cordonPatch,
  FAILED,
  failedPatch,
  failureMessage,
  isCordoned,
  isCordonedByUs,
  isReady,
  isRetryAsked,
  type NodeState,
  PODS_KEEP_STARTING,
  RETRY_PATCH,
  retryCommand,
  statePatch,
  triesOn,
} from "./node-state.ts";
import { createInstallWork, createRemoveWork, type NodeWork, type Task } from "./node-work.ts";
import type { Settings } from "./settings.ts";

export interface RolloutOptions
  extends Pick<LeaseOptions, "api" | "clock" | "deadline" | "say">,
    Pick<RestartOptions, "showFailed"> {
  readonly settings: Omit<Settings, "image" | "serviceAccounts" | "config">;
  readonly program: NodeProgram;
  /** Waits for about this time, or until one of the signals is aborted meanwhile. */
  pause(seconds: number, signals: readonly AbortSignal[]): Promise<void>;
  /** Aborted when the pod is deleted. A step that has begun is finished. */
  readonly ending: AbortSignal;
  setReady(ready: boolean): void;
}

/** The Lease's name in the manifest. */
const LEASE = "ocir-broker";
const CORDONED = "this node is cordoned; uncordon it to continue";
const DISABLED = "ocir-broker is switched off on this node; run `ocir-broker enable` to continue";

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
  readonly #cluster: Cluster;
  readonly #lease: Lease;
  readonly #work: NodeWork;
  readonly #restartOptions: RestartOptions;
  #told = "";
  #mayHoldLease = true;
  /** On the Node, with the reason. */
  #shown: string | undefined;
  /** Newer than those on the Node. */
  #unsaved: Tries | undefined;

  constructor(options: RolloutOptions) {
    const { settings, api, program, clock, deadline, pause, ending, showFailed, say } = options;
    const { node, namespace, leaseSeconds, kubeletRestart, mode } = settings;
    this.#options = options;
    const cluster = createNodeCluster(api, { ...settings, clock, deadline });
    const lease = createLease({ api, namespace, name: LEASE, identity: node, leaseSeconds, clock, deadline, say });
    const work = { program, say, mayRestart: kubeletRestart === "whenIdle" };
    this.#cluster = cluster;
    this.#lease = lease;
    this.#work = mode === "install" ? createInstallWork(work) : createRemoveWork(work);
    this.#restartOptions = {
      ...{ cluster, program, clock, showFailed, say },
      idleSeconds: leaseSeconds / 5,
      readySeconds: leaseSeconds / 3,
      async pause() {
        // Shorter, because only one node waits like this, and it is cordoned meanwhile.
        await pause(Math.max(1, leaseSeconds / 180), [ending]);
        // A failure of the API server ends neither the wait nor the restart.
        await lease.take().catch(() => undefined);
      },
    };
  }

  async run(): Promise<void> {
    const { ending } = this.#options;
    do {
      try {
        if (await this.#advance()) return;
      } catch (error) {
        this.#tell(`waiting: ${describeRefusal(error)}`);
      }
      if (!ending.aborted) await this.#pause();
    } while (!ending.aborted);
  }

  /**
   * @param isDone a step has just succeeded, so failures before it do not matter to a node that is complete now.
   * @returns whether the rollout on this node is complete.
   */
  async #advance(isDone = false): Promise<boolean> {
    const { settings, program } = this.#options;
    if (settings.mode === "install" && program.isDisabled()) return this.#skip(DISABLED);
    const task = await this.#work.look();
    // A pod may have been killed before it could show it, or a pod of another version has failed meanwhile and holds the Lease.
    if (task === "installed" || task === "removed" || task === this.#shown) return this.#show(task);
    const node = await this.#cluster.readNode();
    if (isCordoned(node) && !isCordonedByUs(node)) return this.#skip(CORDONED);
    if (isRetryAsked(node)) await this.#forget();
    const tries = isDone && typeof task === "string" ? withSuccess(this.#triesOn(node)) : this.#triesOn(node);
    const next = await this.#nextOf(task, tries, node);
    if (next.kind === "uncordon") {
      await this.#endWait(tries);
      return this.#advance(isDone);
    }
    if (next.kind === "failed") return this.#stop(next.againAtMs);
    if (typeof task === "string") return this.#show(task);
    if (next.kind === "rest") return this.#show(task.kind === "restart" ? task.state : undefined, next.why);
    return (await this.#mayWork(tries)) && this.#perform(task, tries);
  }

  #triesOn(node: NodeObject): Tries {
    const { settings, clock } = this.#options;
    return (isRetryAsked(node) ? undefined : this.#unsaved) ?? triesOn(node, settings.revision, clock.wallMs());
  }

  async #nextOf(task: NodeState | Task, tries: Tries, node: NodeObject): Promise<Next> {
    const todo = typeof task === "string" ? "nothing" : task.kind;
    const pods = todo === "restart" && tries.pods.length > 0 ? await this.#cluster.pendingPods() : [];
    const isNamedPodThere = pods.some(({ name }) => tries.pods.includes(name));
    return this.#decide(tries, { todo, isNamedPodThere, isCordonedByUs: isCordonedByUs(node) });
  }

  #decide(tries: Tries, facts: Partial<Facts> = {}): Next {
    const { idleSeconds, clock } = this.#restartOptions;
    const afterAWait = { todo: "restart", isNamedPodThere: true, isCordonedByUs: false } as const;
    return decide(tries, { nowMs: clock.wallMs(), waitMs: idleSeconds * 1_000, ...afterAWait, ...facts });
  }

  /** A person has requested another try. */
  async #forget(): Promise<void> {
    await this.#cluster.patchNode(RETRY_PATCH);
    this.#unsaved = undefined;
    this.#tell("a person has requested another try");
  }

  /** An administrator has excluded the node. A failed node then releases the Lease too, so that the rollout continues. */
  async #skip(reason: string): Promise<false> {
    this.#tell(`skipped: ${reason}`);
    this.#options.setReady(true);
    if (!this.#mayHoldLease) return false;
    const node = await this.#cluster.readNode();
    if (isCordonedByUs(node)) await this.#endWait(this.#triesOn(node));
    await this.#lease.release();
    this.#mayHoldLease = false;
    return false;
  }

  /** A failed node keeps the Lease, also after its pod is deleted. */
  async #stop(againAtMs: number | undefined): Promise<false> {
    const { settings, setReady } = this.#options;
    setReady(false);
    this.#mayHoldLease = true;
    await this.#lease.take();
    const again =
      againAtMs === undefined ? retryCommand(settings.node) : `the next try is at ${new Date(againAtMs).toISOString()}`;
    this.#tell(`failed: ${again}`);
    return false;
  }

  async #mayWork({ failures }: Tries): Promise<boolean> {
    const { ending, setReady } = this.#options;
    setReady(false);
    this.#mayHoldLease = true;
    const taken = await this.#lease.take();
    if (taken.kind === "waiting") this.#tell(`waiting: ${taken.holder} holds the Lease`);
    if (taken.kind !== "ours") return false;
    if (ending.aborted && failures.length === 0) await this.#releaseLease();
    return !ending.aborted;
  }

  async #perform(task: Task, tries: Tries): Promise<boolean> {
    this.#tell(`holds the Lease: ${this.#work.what}`);
    this.#shown = undefined;
    if (task.kind === "command") {
      const result = await this.#renewing(task.run());
      return result.ok ? this.#advance(true) : this.#fail(result.reason, tries);
    }
    const result = await this.#renewing(restartKubelet(task.plan, tries, this.#restartOptions));
    if (result.kind === "failed") return this.#fail(result.reason, result.tries);
    this.#unsaved = result.tries;
    if (result.kind === "busy") await this.#endWait(result.tries, result.pods);
    return this.#advance(true);
  }

  /** Uncordons the node, on which pods kept starting. */
  async #endWait(tries: Tries, known?: readonly string[]): Promise<void> {
    const cluster = this.#cluster;
    // Without kubelet.restart=whenIdle, this account may not list pods.
    const pods =
      known ?? (await cluster.pendingPods().catch(() => [])).flatMap((pod) => (pod.isStarting ? pod.name : []));
    const ended = withPods(tries, pods);
    this.#unsaved = ended;
    await this.#persist(() => cluster.patchNode(cordonPatch(false, ended)));
    this.#unsaved = undefined;
    this.#tell("uncordoned: the wait for starting pods has ended");
    const next = this.#decide(ended);
    if (pods.length > 0 && next.kind === "rest")
      await this.#persist(() => cluster.warn(PODS_KEEP_STARTING, busyMessage(next.why)));
  }

  /** Renews the Lease until the work has ended. */
  async #renewing<Result>(work: Promise<Result>): Promise<Result> {
    const over = new AbortController();
    const ended = work.finally(() => over.abort());
    while (!over.signal.aborted) {
      await Promise.race([ended, this.#pause(over.signal)]);
      // A failure of the API server does not end the work.
      if (!over.signal.aborted) await this.#lease.take().catch(() => undefined);
    }
    return ended;
  }

  /**
   * Shows the state on the Node and releases the Lease.
   *
   * @param state undefined leaves the label.
   * @param reason why the node waits; without one, all that was tried has succeeded.
   * @returns whether the rollout on this node is complete.
   */
  async #show(state: NodeState | undefined, reason?: string): Promise<boolean> {
    const { program, setReady } = this.#options;
    const isComplete = state === "installed" || state === "removed";
    const shown = [state, reason].filter(Boolean).join(": ");
    if (this.#shown === shown) return isComplete;
    let isDown = false;
    await this.#persist(async () => {
      const node = await this.#cluster.readNode();
      const tries = this.#triesOn(node);
      // Its kubelet uses ocir-broker, but the restart before has failed.
      isDown = isComplete && tries.failures.length > 0 && !isReady(node);
      const rest = {
        state,
        version: program.version,
        reason,
        tries: reason === undefined ? withSuccess(tries) : tries,
      };
      if (!isDown) await this.#cluster.patchNode(statePatch(node, rest));
    });
    if (isDown) return this.#stop(undefined);
    setReady(isComplete);
    this.#tell([state && STATE_LINES[state](program.version), reason].filter(Boolean).join("; "));
    this.#unsaved = undefined;
    this.#shown = shown;
    await this.#releaseLease();
    this.#mayHoldLease = false;
    return isComplete;
  }

  async #fail(reason: string, tries: Tries): Promise<false> {
    const { settings, program, say, clock } = this.#options;
    const failed = withFailure(tries, clock.wallMs());
    this.#unsaved = failed;
    const left = await program.left();
    const next = this.#decide(failed);
    const againAtMs = next.kind === "failed" ? next.againAtMs : undefined;
    const message = failureMessage({ node: settings.node, reason, left: left.text, againAtMs });
    this.#told = "";
    say(`ERROR: ${message}`, "warn");
    await this.#persist(() => this.#cluster.patchNode(failedPatch(reason, left.version, failed)));
    this.#unsaved = undefined;
    await this.#persist(() => this.#cluster.warn(FAILED, message));
    return false;
  }

  #releaseLease(): Promise<void> {
    return this.#persist(() => this.#lease.release());
  }

  /** Tries until it succeeds; if it is refused or the pod is deleted, until others may take the Lease anyway. */
  async #persist(step: () => Promise<void>): Promise<void> {
    const { clock, settings, ending } = this.#options;
    const endMs = clock.monotonicMs() + settings.leaseSeconds * 1_000;
    for (;;) {
      try {
        return await step();
      } catch (error) {
        if (!isConflict(error)) this.#tell(`waiting: ${describeRefusal(error)}`);
        const isRefused = (statusOf(error) ?? 500) < 500;
        if ((isRefused || ending.aborted) && clock.monotonicMs() >= endMs) return;
      }
      await this.#pause();
    }
  }

  #pause(isOver?: AbortSignal): Promise<void> {
    const { pause, settings, ending } = this.#options;
    return pause(settings.leaseSeconds / 20, isOver === undefined ? [ending] : [ending, isOver]);
  }

  #tell(text: string): void {
    if (text !== this.#told) this.#options.say(text);
    this.#told = text;
  }
}
