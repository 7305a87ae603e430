/**
 * Carries out what `decide` decides, one action at a time for each resource: fetches tokens under a rate limit, applies Secrets, and
 * reports status and Events. What it remembers is lost with it; the next leader reads everything else from the cluster.
 */
import { codeOf } from "@ocir-broker/errors/describe-error";
import { retryHintOf } from "@ocir-broker/foundation/expiring";
import type { Random } from "@ocir-broker/foundation/random";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { createLimiter, type Limiter } from "@ocir-broker/foundation/time/limiter";
import { sleep } from "@ocir-broker/foundation/time/sleep";
import { describeRefusal } from "@ocir-broker/kubernetes/api-error";
import type { Cluster } from "./cluster/cluster.ts";
import { PullSecretError } from "./cluster/pull-secret-error.ts";
import type { WatchedCluster } from "./cluster/watched-cluster.ts";
import { type Action, decide } from "./decision/decide.ts";
import {
  type Attempt,
  type CloudAnswer,
  type GateName,
  gateAfter,
  type Progress,
  progressFor,
} from "./decision/progress.ts";
import type { Rules } from "./decision/rules.ts";
import { ISSUED } from "./decision/status.ts";
import type { Metrics } from "./metrics.ts";
import { describeFailure, failureCodeOf } from "./objects/failure.ts";
import type { PullSecret, PullSecretStatus } from "./objects/pull-secret.ts";
import type { TokenSource } from "./tokens/token-source.ts";

export interface ControllerOptions {
  readonly watched: WatchedCluster;
  readonly cluster: Cluster;
  readonly source: TokenSource;
  readonly rules: Rules;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  /** Aborts one fetch at its time limit. */
  fetchDeadline(): AbortSignal;
  say(text: string): void;
}

/** Fetches of tokens: ten a second, however long each takes, so that hosts that do not respond delay no other resource. */
const FETCH_SPACING_MS = 100;
const FETCH_BURST = 10;
/** Writes to the API server. */
const MAX_WRITES = 16;
/** Interval of the search for due resources. */
const TICK_MS = 250;
const PRUNE_MS = 60_000;

const NO_TOKENS: CloudAnswer["tokens"] = new Map();

/** Works until `signal`, and resolves when nothing is in flight any more. */
export function runController(options: ControllerOptions, signal: AbortSignal): Promise<void> {
  return new Controller(options, signal).run();
}

class Controller {
  readonly #options: ControllerOptions;
  readonly #signal: AbortSignal;
  readonly #fetches: Limiter;
  readonly #writes: Limiter;
  /** Keyed by the resource, like the following maps. */
  readonly #progress = new Map<string, Progress>();
  /** Epoch milliseconds. */
  readonly #wakeAt = new Map<string, number>();
  readonly #inWork = new Map<string, Promise<void>>();
  /** Resources that changed during a step. */
  readonly #again = new Set<string>();
  /** Resolvers of steps that wait for a limiter. */
  readonly #waiting = new Set<() => void>();
  #prunedAtMs = 0;
  #wokeAtMs = 0;

  constructor(options: ControllerOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    const { clock } = options;
    this.#fetches = createLimiter({ clock, spacingMs: FETCH_SPACING_MS, burst: FETCH_BURST });
    this.#writes = createLimiter({ clock, concurrency: MAX_WRITES });
  }

  async run(): Promise<void> {
    const { clock, metrics, watched } = this.#options;
    const { promise: aborted, resolve } = Promise.withResolvers<void>();
    this.#signal.addEventListener("abort", () => {
      this.#close();
      resolve();
    });
    await Promise.race([watched.synced, aborted]);
    watched.notify((namespace, name) => this.#start(`${namespace}/${name}`));
    metrics.show({ resources: () => watched.allResources(), waiting: () => this.#waiting.size });
    this.#startAll();
    while (!this.#signal.aborted) {
      await sleep(TICK_MS, clock);
      this.#wake(clock.wallMs());
    }
    watched.notify(undefined);
    metrics.show(undefined);
    await Promise.all(this.#inWork.values());
  }

  #close(): void {
    this.#fetches.close();
    this.#writes.close();
    for (const resolve of this.#waiting) resolve();
  }

  #startAll(): void {
    for (const { namespace, name } of this.#options.watched.allResources()) this.#start(`${namespace}/${name}`);
  }

  #wake(nowMs: number): void {
    // The wall clock was set back: times that were decided before may come too late.
    if (nowMs < this.#wokeAtMs) this.#startAll();
    this.#wokeAtMs = nowMs;
    for (const [key, atMs] of this.#wakeAt) if (atMs <= nowMs) this.#start(key);
    if (nowMs - this.#prunedAtMs < PRUNE_MS) return;
    this.#prunedAtMs = nowMs;
    for (const [key, { gates }] of this.#progress) {
      const isOld = Object.values(gates).every(({ notBeforeMs }) => notBeforeMs < nowMs);
      if (isOld && this.#resourceOf(key) === undefined) this.#progress.delete(key);
    }
  }

  /** Takes steps for a resource until it can wait. */
  #start(key: string): void {
    if (this.#signal.aborted) return;
    if (this.#inWork.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#wakeAt.delete(key);
    const work = this.#work(key).finally(() => {
      this.#inWork.delete(key);
      if (this.#again.delete(key)) this.#start(key);
    });
    this.#inWork.set(key, work);
  }

  async #work(key: string): Promise<void> {
    while (!this.#signal.aborted) {
      const action = this.#decide(key);
      if (action.kind === "wait") {
        if (Number.isFinite(action.untilMs)) this.#wakeAt.set(key, action.untilMs);
        return;
      }
      await this.#through(action.kind === "fetch" ? this.#fetches : this.#writes, async () => {
        // Something may have changed during the wait.
        const latest = this.#decide(key);
        const resource = this.#resourceOf(key);
        if (resource !== undefined && latest.kind === action.kind) await this.#perform(key, resource, latest);
      });
    }
  }

  /** Resolves when the work has ended, or at the end. */
  #through(limiter: Limiter, work: () => Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.add(resolve);
      const isAdded = limiter.add(() => {
        this.#waiting.delete(resolve);
        return work().finally(resolve);
      });
      if (!isAdded) resolve();
    });
  }

  #resourceOf(key: string): PullSecret | undefined {
    const [namespace, name] = split(key);
    return this.#options.watched.resources(name)?.get(namespace, name);
  }

  #decide(key: string): Action {
    const [namespace, name] = split(key);
    const { clock, rules, watched } = this.#options;
    const secret = watched.secrets(name)?.get(namespace, name);
    return decide(this.#resourceOf(key), secret, clock.wallMs(), this.#progress.get(key), rules);
  }

  async #perform(key: string, resource: PullSecret, action: Action): Promise<void> {
    const progress = progressFor(resource, this.#progress.get(key));
    const settle = (name: GateName, attempt: Attempt, answer = progress.answer): void => {
      const { clock, random, rules, say } = this.#options;
      const before = progress.gates[name];
      const gate = gateAfter(before, attempt, clock.wallMs(), random());
      this.#progress.set(key, { ...progress, answer, gates: { ...progress.gates, [name]: gate } });
      if (attempt.failure !== undefined && attempt.failure.code !== before.failure?.code)
        say(`${key}: ${name} failed: ${describeFailure(attempt.failure, rules.policyOf(resource))}`);
    };
    if (action.kind === "fetch") {
      const { source, fetchDeadline, metrics } = this.#options;
      const fetched = await source(resource, action, AbortSignal.any([this.#signal, fetchDeadline()]));
      if (this.#signal.aborted) return;
      metrics.fetched(fetched.failure === undefined);
      settle("fetch", fetched, fetched);
    } else if (action.kind !== "wait") {
      try {
        const written = await this.#write(resource, action);
        settle(action.kind, {}, action.kind === "apply" ? withoutTokens(progress.answer) : progress.answer);
        written();
      } catch (error) {
        if (this.#signal.aborted) return;
        const failure = { code: failureCodeOf(codeOf(error)), place: resource.name };
        const { retryable, retryAfterMs } = retryHintOf(error);
        this.#options.say(
          `${key}: ${describeRefusal(error instanceof PullSecretError ? (error.cause ?? error) : error)}`,
        );
        settle(action.kind, { failure, retryable, retryAfterMs });
      }
    }
  }

  /** @returns a function that shows the result to the next decision. */
  async #write(resource: PullSecret, action: Extract<Action, { kind: "apply" | "report" }>): Promise<() => void> {
    const { cluster, watched } = this.#options;
    if (action.kind === "apply") {
      const secret = await cluster.applySecret(resource, action.content, this.#signal);
      return () => watched.secrets(resource.name)?.put(secret);
    }
    const reported = await cluster.reportStatus(resource, action.status, this.#signal);
    await this.#reportEvent(resource, action.status);
    return () => watched.resources(resource.name)?.put(reported);
  }

  /** Sends an Event only if the reason has changed. A lost Event is not sent again. */
  async #reportEvent(resource: PullSecret, status: PullSecretStatus): Promise<void> {
    const { cluster, rules, say } = this.#options;
    const [{ reason, message }] = status.conditions;
    if (reason === resource.status?.conditions[0].reason) return;
    const key = `${resource.namespace}/${resource.name}`;
    say(`${key}: ${reason}: ${message}`);
    const isIssued = reason === ISSUED;
    const text = isIssued ? `${message}; pulls need the policy statement ${rules.policyOf(resource)}` : message;
    const event = { type: isIssued ? "Normal" : "Warning", reason, message: text } as const;
    await cluster.reportEvent(resource, event, this.#signal).catch((error: unknown) => {
      if (!this.#signal.aborted) say(`${key}: no Event: ${describeRefusal(error)}`);
    });
  }
}

function split(key: string): [namespace: string, name: string] {
  const [namespace = "", name = ""] = key.split("/");
  return [namespace, name];
}

function withoutTokens(answer: CloudAnswer | undefined): CloudAnswer | undefined {
  return answer && { ...answer, tokens: NO_TOKENS };
}
