/**
 * One node's part of a rollout: looks at the node, at its Node and at the Lease, decides, and carries the action out, until the work is
 * complete. A failed node keeps the Lease, which stops the rollout, until the node is repaired, cordoned or gone.
 */
import { isDeepStrictEqual } from "node:util";
import { describeRefusal, isConflict } from "@ocir-broker/kubernetes/api-error";
import { createLease, type LeaseOptions } from "@ocir-broker/kubernetes/lease";
import { kubeletAdvice } from "@ocir-broker/node/kubelet-advice";
import { type Action, canGoBack, decide, type Facts, isBack, type Try } from "./decide.ts";
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
  const { node: name, namespace, leaseSeconds, mode, revision } = settings;
  const node = createNodeObject(api, { ...settings, deadline });
  const lease = createLease({ api, namespace, name: LEASE, identity: name, leaseSeconds, clock, deadline, say });
  /** The limit of each wait for the kubelet. */
  const limitSeconds = Math.floor(leaseSeconds / 3);
  let told = "";

  const pause = (...over: AbortSignal[]) => rollout.pause(leaseSeconds / 20, [ending, ...over]);

  /** @returns whether it is new. */
  function tell(text: string): boolean {
    const isNew = text !== told;
    if (isNew) say(text);
    told = text;
    return isNew;
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
        mayRestart: settings.kubeletRestart === "oneByOne",
        node: await program.look(),
        report: await node.report(),
        holdsLease: (await lease.holder()) === name,
        isEnding: ending.aborted,
      };
      return await perform(decide(facts), facts);
    } catch (error) {
      tellError(error);
      return "pause";
    }
  }

  async function perform(action: Action, facts: Facts): Promise<Next> {
    const { holdsLease } = facts;
    switch (action.kind) {
      case "show":
        return show(action, facts);
      case "skip":
        tell(`skipped: ${action.why}`);
        setReady(true);
        if (holdsLease) await lease.release();
        return "pause";
      case "end":
        if (holdsLease && action.releases) await lease.release();
        return "end";
      case "hold":
        setReady(false);
        tell(`failed: ${retryCommand(name)}`);
        await lease.take();
        return "pause";
      case "take-lease":
        setReady(false);
        return takeLease();
      case "forget":
        await node.mark(FORGOTTEN);
        tell("a person has requested another try");
        return "look again";
      case "install":
        return renewing(action, install);
      case "remove":
        return renewing(action, () => remove(facts));
      case "restart":
        return renewing(action, () => restart(action.begun, facts));
      case "watch":
        return renewing(action, () => watch(action.begun, facts));
      case "back":
        return renewing(action, () => back(action.begun, action.why));
      case "fail":
        return renewing(action, () => fail(action.why));
    }
  }

  async function takeLease(): Promise<Next> {
    const taken = await lease.take();
    if (taken.kind === "ours") return "look again";
    if (taken.kind === "waiting") tell(`waiting: ${taken.holder} holds the Lease`);
    return "pause";
  }

  /**
   * Renews the Lease until the work has ended: with another state of the node, or with a failure that the Node shows. Renews it first,
   * because after a long silence of the API server another node may be about to take it.
   */
  async function renewing({ kind }: Action, begin: () => Promise<unknown>): Promise<Next> {
    if ((await lease.take()).kind !== "ours") return "pause";
    tell(`holds the Lease: ${kind}`);
    const over = new AbortController();
    const ended = begin().finally(() => over.abort());
    while (!over.signal.aborted) {
      await Promise.race([ended, pause(over.signal)]);
      // A failure of the API server does not end the work.
      if (!over.signal.aborted) await lease.take().catch(() => undefined);
    }
    return (await ended) === "end" ? "end" : "look again";
  }

  async function install(): Promise<void> {
    const result = await program.install();
    if (!result.ok) return fail(result.reason, false);
    const { isAsWanted, summary } = await program.look();
    if (!isAsWanted) await fail(`after the installation, ${summary}`, false);
  }

  async function remove(facts: Facts): Promise<Next | undefined> {
    const result = await program.remove();
    if (!result.ok) return fail(result.reason, false);
    for (const { path, why } of result.left ?? []) say(`${path} stays: ${why}`);
    // The programs of a package stay.
    return show({ kind: "show", state: "removed" }, facts);
  }

  async function restart(begun: Try, facts: Facts): Promise<void> {
    await node.mark(tryMarks(begun));
    const result = await (mode === "install"
      ? program.connect(facts.node.flags, limitSeconds)
      : program.disconnect(limitSeconds));
    if (!result.ok) await revert(begun, result.reason);
    else if (mode === "remove") await node.mark(tryMarks({ ...begun, isOff: true }));
  }

  /** Waits until the node is Ready. An API server that does not respond is not the kubelet's failure: it gets the whole time again. */
  async function watch(begun: Try, facts: Facts): Promise<void> {
    const endMs = clock.monotonicMs() + limitSeconds * 1_000;
    for (;;) {
      // Shorter, because only one node waits like this.
      await rollout.pause(Math.max(1, leaseSeconds / 180), [ending]);
      const report = await node.report().catch(() => undefined);
      if (ending.aborted || report === undefined || isBack(report, facts.node)) return;
      if (clock.monotonicMs() < endMs) continue;
      const after = `within ${limitSeconds} s after the restart of its kubelet`;
      return revert(begun, `the node did not report itself as Ready ${after}`);
    }
  }

  async function revert(begun: Try, why: string): Promise<void> {
    const left = { mode, node: await program.look() };
    await (canGoBack(begun, left)
      ? back({ ...begun, step: "back", startMs: left.node.kubeletStartMs }, why)
      : fail(why));
  }

  /** Takes the flags of this try back, and restarts the kubelet without them. */
  async function back(begun: Try, why: string): Promise<void> {
    await node.mark(tryMarks(begun));
    const result = await program.disconnect(limitSeconds);
    const then = result.ok
      ? "the flags that were added are taken back, and the kubelet runs without them"
      : result.reason;
    await fail(`${why}; then: ${then}`);
  }

  async function fail(reason: string, isRestart = true): Promise<undefined> {
    if (isRestart) showFailed(true);
    const { version, summary } = await program.look();
    const message =
      `${reason.slice(0, LONGEST_REASON)}. On the node, ${summary}. The rollout has stopped. Fix the cause, then try again: ` +
      `${retryCommand(name)}; or let the other nodes continue: kubectl cordon ${name}`;
    told = "";
    say(`ERROR: ${message}`, "warn");
    // Tried until it succeeds, or the pod is deleted: only this pod knows the reason.
    while (!(await isShown(reason, version, message)) && !ending.aborted) await pause();
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

  async function show({ state, lastTry, why }: Shown, facts: Facts): Promise<Next> {
    const isComplete = state === "installed" || state === "removed";
    await node.mark(stateMarks(state, program.version, lastTry, why));
    if (facts.holdsLease) await lease.release();
    setReady(isComplete);
    const isNew = tell(`${state}: version ${program.version}${why === undefined ? "" : `; ${why}`}`);
    if (isComplete) {
      showFailed(false);
      return "end";
    }
    const { need, flags } = facts.node;
    if (isNew && need !== undefined && flags !== undefined) for (const line of kubeletAdvice(need, flags)) say(line);
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
