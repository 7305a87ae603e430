/**
 * One node's part of a rollout: looks at the node, at its Node and at the Lease, decides, and carries the action out, until the work is
 * complete. A failed node keeps the Lease, which stops the rollout, until the node is repaired, cordoned or gone.
 */
import { isDeepStrictEqual } from "node:util";
import { describeRefusal, isConflict } from "@ocir-broker/kubernetes/api-error";
import { createLease, type LeaseOptions } from "@ocir-broker/kubernetes/lease";
import { kubeletAdvice } from "@ocir-broker/node/kubelet-advice";
import { type Action, canGoBack, decide, type Facts, isBack, isOpen, type NodeFacts, type Try } from "./decide.ts";
import { createNodeObject, FORGOTTEN, failureMarks, retryCommand, stateMarks, tryMarks } from "./node-object.ts";
import type { NodeProgram } from "./node-program.ts";
import type { Settings } from "./settings.ts";

export interface RolloutOptions extends Pick<LeaseOptions, "api" | "clock" | "deadline" | "say"> {
  readonly settings: Omit<Settings, "image" | "serviceAccounts" | "config">;
  readonly program: NodeProgram;
  /** Waits for about this time, or until one of the signals is aborted meanwhile. */
  pause(seconds: number, signals: readonly AbortSignal[]): Promise<void>;
  /** Aborted when the pod is deleted. A step that has begun is finished. */
  readonly ending: AbortSignal;
  setReady(ready: boolean): void;
  /** Shows a failed restart of the kubelet in the node's metrics. */
  showFailed(isFailed: boolean): void;
}

/** What follows an action. */
type Next = "look again" | "pause" | "end";

type Shown = Extract<Action, { kind: "show" }>;

/** The Lease's name in the manifest. */
const LEASE = "ocir-broker";
/** An Event has 1024 characters. */
const LONGEST_REASON = 500;

/** Resolves when the work is complete, or after `ending`. */
export async function rollOut(rollout: RolloutOptions): Promise<void> {
  const { settings, api, program, clock, deadline, ending, say, setReady, showFailed } = rollout;
  const { node: name, namespace, leaseSeconds, mode, revision, mayRestart } = settings;
  const node = createNodeObject(api, { ...settings, deadline });
  const lease = createLease({ api, namespace, name: LEASE, identity: name, leaseSeconds, clock, deadline, say });
  /** The limit of each wait for the kubelet. */
  const limitSeconds = Math.floor(leaseSeconds / 3);
  let told = "";

  const pause = (...over: AbortSignal[]) => rollout.pause(leaseSeconds / 20, [ending, ...over]);

  /** Says nothing twice in a row. */
  function tell(text: string, ...details: readonly string[]): void {
    if (text !== told) for (const line of [text, ...details]) say(line);
    told = text;
  }

  /** Another program's change of the same object is no news. */
  function tellError(error: unknown): void {
    if (!isConflict(error)) tell(`waiting: ${describeRefusal(error)}`);
  }

  async function advance(): Promise<Next> {
    try {
      const facts: Facts = {
        mode,
        revision,
        mayRestart,
        node: await program.look(),
        report: await node.report(),
        holdsLease: (await lease.holder()) === name,
      };
      return await perform(decide(facts), facts);
    } catch (error) {
      tellError(error);
      return "pause";
    }
  }

  async function perform(action: Action, facts: Facts): Promise<Next> {
    switch (action.kind) {
      case "show":
        return show(action, facts);
      case "skip":
        tell(`skipped: ${action.why}`);
        setReady(true);
        await lease.release();
        return "pause";
      case "forget":
        await node.mark(FORGOTTEN);
        tell("a person has requested another try");
        return "look again";
      case "hold":
        tell(`failed: ${retryCommand(name)}`);
        await takeLease();
        return "pause";
      case "take-lease":
        if (ending.aborted) return "end";
        return (await takeLease()) ? "look again" : "pause";
      case "install":
        return renewing(action, facts, () => install(facts));
      case "remove":
        return renewing(action, facts, () => remove(facts));
      case "restart":
        return renewing(action, facts, () => restart(action.begun, facts));
      case "back":
        return renewing(action, facts, () => back(action.begun, action.why));
      case "fail":
        return renewing(action, facts, () => fail(action.why));
    }
  }

  /** @returns whether this node has it. */
  async function takeLease(): Promise<boolean> {
    setReady(false);
    const taken = await lease.take();
    if (taken.kind === "waiting") tell(`waiting: ${taken.holder} holds the Lease`);
    return taken.kind === "ours";
  }

  /**
   * Renews the Lease until the work has ended: with another state of the node, or with a failure that the Node shows. Renews it first,
   * because after a long silence of the API server another node may be about to take it.
   */
  async function renewing({ kind }: Action, { report }: Facts, begin: () => Promise<Next>): Promise<Next> {
    if (ending.aborted) {
      // No other node begins amid a try.
      if (!isOpen(report.lastTry)) await lease.release();
      return "end";
    }
    if (!(await takeLease())) return "pause";
    tell(`holds the Lease: ${kind}`);
    const over = new AbortController();
    const ended = begin().finally(() => over.abort());
    while (!over.signal.aborted) {
      await Promise.race([ended, pause(over.signal)]);
      // A failure of the API server does not end the work.
      if (!over.signal.aborted) await lease.take().catch(() => undefined);
    }
    return ended;
  }

  async function install(facts: Facts): Promise<Next> {
    const result = await program.install(facts.node.version);
    if (!result.ok) return fail(result.reason, false);
    const { isAsWanted, summary } = await program.look();
    return isAsWanted ? "look again" : fail(`after the installation, ${summary}`, false);
  }

  async function remove(facts: Facts): Promise<Next> {
    const result = await program.remove();
    if (!result.ok) return fail(result.reason, false);
    for (const { path, why } of result.left ?? []) say(`${path} stays: ${why}`);
    // The programs of a package stay.
    return show({ kind: "show", state: "removed", isTried: true }, facts);
  }

  async function restart(begun: Try, facts: Facts): Promise<Next> {
    await node.mark(tryMarks(begun));
    const result = await (mode === "install"
      ? program.connect(facts.node.flags, limitSeconds)
      : program.disconnect(limitSeconds));
    const found = await program.look();
    if (result.ok && (await isReadyInTime(found))) {
      await node.mark(tryMarks({ revision, step: "done" }));
      return "look again";
    }
    const why = result.ok
      ? `the node did not report itself as Ready within ${limitSeconds} s after the restart of its kubelet`
      : result.reason;
    return canGoBack(begun, mode, found) ? back({ ...begun, step: "back" }, why) : fail(why);
  }

  /** Waits for the node. @throws if the API server does not respond: then the whole wait is repeated */
  async function isReadyInTime(found: NodeFacts): Promise<boolean> {
    const endMs = clock.monotonicMs() + limitSeconds * 1_000;
    while (clock.monotonicMs() < endMs) {
      // Shorter, because only one node waits like this.
      await rollout.pause(Math.max(1, leaseSeconds / 180), []);
      if (isBack(await node.report(), found)) return true;
    }
    return false;
  }

  /** Takes the flags of this try back, and restarts the kubelet without them. */
  async function back(begun: Try, why: string): Promise<Next> {
    await node.mark(tryMarks(begun));
    const result = await program.disconnect(limitSeconds);
    const then = result.ok
      ? "the flags that were added are taken back, and the kubelet runs without them"
      : result.reason;
    return fail(`${why}; then: ${then}`);
  }

  async function fail(reason: string, isRestart = true): Promise<Next> {
    if (isRestart) showFailed(true);
    const { version, summary } = await program.look();
    const message =
      `${reason.slice(0, LONGEST_REASON)}. On the node, ${summary}. The rollout has stopped. Fix the cause, then try again: ` +
      `${retryCommand(name)}; or let the other nodes continue: kubectl cordon ${name}`;
    told = "";
    say(`ERROR: ${message}`, "warn");
    // Tried until it succeeds, or the pod is deleted: only this pod knows the reason.
    while (!(await isShown(reason, version, message)) && !ending.aborted) await pause();
    return "look again";
  }

  async function isShown(reason: string, version: string | undefined, message: string): Promise<boolean> {
    try {
      await node.mark(failureMarks(reason, version, revision));
      await node.warn(message, clock.wallMs());
      return true;
    } catch (error) {
      tellError(error);
      return false;
    }
  }

  async function show({ state, isTried, why }: Shown, facts: Facts): Promise<Next> {
    await node.mark(stateMarks(state, program.version, isTried ? revision : undefined, why));
    await lease.release();
    const isComplete = state === "installed" || state === "removed";
    setReady(isComplete);
    const { need, flags } = facts.node;
    const advice = isComplete || need === undefined || flags === undefined ? [] : kubeletAdvice(need, flags);
    tell(`${state}: version ${program.version}${why === undefined ? "" : `; ${why}`}`, ...advice);
    if (isComplete) {
      showFailed(false);
      return "end";
    }
    // A thousand nodes that wait for a person must not ask the API server all the time.
    while (why === undefined && !ending.aborted && isDeepStrictEqual(await program.look(), facts.node)) await pause();
    return "pause";
  }

  for (;;) {
    const next = await advance();
    if (next === "end" || (next === "pause" && ending.aborted)) return;
    if (next === "pause") await pause();
  }
}
