/**
 * Carries out what `decide` decides, one action at a time for each resource: fetches tokens under a rate limit, applies Secrets, and
 * reports status and Events. Each kind has its own queue, in which namespaces take turns. What it remembers is lost with it; the next
 * leader reads everything else from the cluster.
 */
import { codeOf } from "@ocir-broker/errors/describe-error";
import { retryHintOf } from "@ocir-broker/foundation/expiring";
import { ORACLE_LIMITS } from "@ocir-broker/foundation/oracle-limits";
import type { Random } from "@ocir-broker/foundation/random";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { createLimiter, type Limiter } from "@ocir-broker/foundation/time/limiter";
import { sleep } from "@ocir-broker/foundation/time/sleep";
import { describeRefusal } from "@ocir-broker/kubernetes/api-error";
import type { Say } from "@ocir-broker/kubernetes/log-line";
import { type Cluster, PullSecretError, type WatchedCluster } from "./cluster/cluster.ts";
import { type Action, decide } from "./decision/decide.ts";
import {
  type Attempt,
  type GateName,
  LONGEST_BACK_OFF_MS,
  type Progress,
  progressAfter,
  progressFor,
} from "./decision/progress.ts";
import type { Rules } from "./decision/rules.ts";
import { ISSUED } from "./decision/status.ts";
import { createFairQueue, type FairQueue } from "./fair-queue.ts";
import type { Metrics } from "./metrics.ts";
import { describeFailure, failureCodeOf } from "./objects/failure.ts";
import type { CloudAnswer } from "./objects/issued-token.ts";
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
  readonly say: Say;
}

/** Oracle's services: ten token exchanges and twenty registry requests a second, however long each takes. */
const { exchangeCost, ...REGISTRY_RATE } = ORACLE_LIMITS.pullSecrets;
/** Writes to the API server, of each kind: status and Events never delay a Secret. */
const MAX_WRITES = 8;
/** Interval of the search for due resources. */
const TICK_MS = 250;
/** A renewal may become due while a status waits for its turn. */
const RECONSIDER_MS = 5_000;
const PRUNE_MS = 60_000;

/** Works until `signal`, and resolves when nothing is in flight any more. */
export function runController(options: ControllerOptions, signal: AbortSignal): Promise<void> {
  return new Controller(options, signal).run();
}

class Controller {
  readonly #options: ControllerOptions;
  readonly #signal: AbortSignal;
  readonly #limiters: Readonly<Record<GateName, Limiter>>;
  readonly #queues: Readonly<Record<GateName, FairQueue>>;
  /** Keyed by the resource, like the following maps. */
  readonly #progress = new Map<string, Progress>();
  /** Epoch milliseconds. */
  readonly #wakeAt = new Map<string, number>();
  /** Actions that wait for their turn. */
  readonly #queued = new Map<string, GateName>();
  readonly #inWork = new Map<string, Promise<void>>();
  #prunedAtMs = 0;
  #wokeAtMs = 0;

  constructor(options: ControllerOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    const { clock } = options;
    this.#limiters = {
      fetch: createLimiter({ clock, ...REGISTRY_RATE }),
      apply: createLimiter({ clock, concurrency: MAX_WRITES }),
      report: createLimiter({ clock, concurrency: MAX_WRITES }),
    };
    const queueOf = (name: GateName) => createFairQueue(this.#limiters[name], (key) => this.#run(key, name));
    this.#queues = { fetch: queueOf("fetch"), apply: queueOf("apply"), report: queueOf("report") };
  }

  async run(): Promise<void> {
    const { clock, metrics, watched } = this.#options;
    const { promise: aborted, resolve } = Promise.withResolvers<void>();
    this.#signal.addEventListener("abort", () => {
      for (const limiter of Object.values(this.#limiters)) limiter.close();
      resolve();
    });
    await Promise.race([watched.synced, aborted]);
    watched.notify((key) => this.#consider(key));
    metrics.show({ resources: () => watched.allResources(), waiting: () => this.#queued.size });
    this.#considerAll();
    while (!this.#signal.aborted) {
      await sleep(TICK_MS, clock);
      this.#wake(clock.wallMs());
    }
    watched.notify(undefined);
    metrics.show(undefined);
    await Promise.all(this.#inWork.values());
  }

  #considerAll(): void {
    for (const resource of this.#options.watched.allResources()) this.#consider(keyOf(resource));
  }

  #wake(nowMs: number): void {
    // The wall clock was set back: times that were decided before may come too late.
    if (nowMs < this.#wokeAtMs) this.#considerAll();
    this.#wokeAtMs = nowMs;
    for (const [key, atMs] of this.#wakeAt) if (atMs <= nowMs) this.#consider(key);
    if (nowMs - this.#prunedAtMs < PRUNE_MS) return;
    this.#prunedAtMs = nowMs;
    for (const [key, { gates }] of this.#progress) {
      const isOld = Object.values(gates).every(({ notBeforeMs }) => notBeforeMs < nowMs);
      if (isOld && this.#options.watched.resource(key) === undefined) this.#progress.delete(key);
    }
  }

  /** Queues the next action for a resource, in place of one that was queued before. One at a time: after it, this is called again. */
  #consider(key: string): void {
    if (this.#signal.aborted || this.#inWork.has(key)) return;
    const action = this.#decide(key);
    const queued = this.#queued.get(key);
    if (queued !== undefined && queued !== action.kind) {
      this.#queues[queued].delete(key);
      this.#queued.delete(key);
    }
    this.#wakeAt.delete(key);
    if (action.kind === "wait") {
      if (Number.isFinite(action.untilMs)) this.#wakeAt.set(key, action.untilMs);
      return;
    }
    if (action.kind === "report") this.#wakeAt.set(key, this.#options.clock.wallMs() + RECONSIDER_MS);
    if (queued === action.kind) return;
    this.#queued.set(key, action.kind);
    this.#queues[action.kind].add(key);
  }

  async #run(key: string, name: GateName): Promise<void> {
    this.#queued.delete(key);
    // Something may have changed during the wait.
    const action = this.#decide(key);
    const resource = this.#options.watched.resource(key);
    if (resource !== undefined && action.kind === name) {
      const work = this.#perform(key, resource, action);
      this.#inWork.set(key, work);
      await work.finally(() => this.#inWork.delete(key));
    }
    this.#consider(key);
  }

  #decide(key: string): Action {
    const { clock, rules, watched, say } = this.#options;
    const [resource, progress] = [watched.resource(key), this.#progress.get(key)];
    try {
      return decide(resource, watched.secret(key), clock.wallMs(), progress, rules);
    } catch (error) {
      // One resource with values that nobody expected must not end the work for all others.
      say(`${key}: ${describeRefusal(error)}`, "warn");
      return { kind: "wait", untilMs: clock.wallMs() + LONGEST_BACK_OFF_MS };
    }
  }

  /** Never rejects. */
  async #perform(key: string, resource: PullSecret, action: Exclude<Action, { kind: "wait" }>): Promise<void> {
    const progress = progressFor(resource, this.#progress.get(key));
    const settle = (attempt: Attempt, fetched?: CloudAnswer): void => {
      const { clock, random, rules, say } = this.#options;
      const at = { nowMs: clock.wallMs(), chance: random() };
      this.#progress.set(key, progressAfter(progress, action.kind, attempt, at, fetched));
      if (attempt.failure !== undefined && attempt.failure.code !== progress.gates[action.kind].failure?.code)
        say(`${key}: ${action.kind} failed: ${describeFailure(attempt.failure, rules.policyOf(resource))}`, "warn");
    };
    try {
      if (action.kind === "fetch") {
        const fetched = await this.#fetch(resource, action);
        if (!this.#signal.aborted) settle(fetched, fetched);
        return;
      }
      const written = await this.#write(resource, action);
      settle({});
      written();
    } catch (error) {
      if (this.#signal.aborted) return;
      const failure = { code: failureCodeOf(codeOf(error)), place: resource.name };
      const { retryable, retryAfterMs } = retryHintOf(error);
      this.#options.say(`${key}: ${describeCause(error)}`, "warn");
      settle({ failure, retryable, retryAfterMs });
    }
  }

  /** Charges the limiter what is expected first, so that others do not start too early, and what came on top afterwards. */
  async #fetch(resource: PullSecret, wanted: Extract<Action, { kind: "fetch" }>): ReturnType<TokenSource> {
    const { source, fetchDeadline, metrics } = this.#options;
    const limiter = this.#limiters.fetch;
    const expected = Math.max(exchangeCost, wanted.registries.length);
    // The limiter has counted one.
    limiter.charge(expected - 1);
    const fetched = await source(resource, wanted, AbortSignal.any([this.#signal, fetchDeadline()]));
    const { exchanges, registryRequests } = fetched.sent;
    limiter.charge(Math.max(exchangeCost * exchanges, registryRequests, expected) - expected);
    if (!this.#signal.aborted) metrics.fetched(fetched.failure === undefined);
    return fetched;
  }

  /** @returns a function that shows the result to the next decision. */
  async #write(resource: PullSecret, action: Extract<Action, { kind: "apply" | "report" }>): Promise<() => void> {
    const { cluster, watched } = this.#options;
    if (action.kind === "apply") {
      const secret = await cluster.applySecret(resource, action.content, this.#signal);
      return () => watched.putSecret(resource.name, secret);
    }
    const reported = await cluster.reportStatus(resource, action.status, this.#signal);
    await this.#reportEvent(resource, action.status);
    return () => watched.putResource(resource.name, reported);
  }

  /** Sends an Event only if the reason has changed. A lost Event is not sent again. */
  async #reportEvent(resource: PullSecret, status: PullSecretStatus): Promise<void> {
    const { cluster, rules, say } = this.#options;
    const [{ reason, message }] = status.conditions;
    if (reason === resource.status?.conditions[0].reason) return;
    const key = keyOf(resource);
    const isIssued = reason === ISSUED;
    say(`${key}: ${reason}: ${message}`, isIssued ? undefined : "warn");
    const text = isIssued ? `${message}; pulls need the policy statement ${rules.policyOf(resource)}` : message;
    const event = { type: isIssued ? "Normal" : "Warning", reason, message: text } as const;
    await cluster.reportEvent(resource, event, this.#signal).catch((error: unknown) => {
      if (!this.#signal.aborted) say(`${key}: no Event: ${describeCause(error)}`, "warn");
    });
  }
}

/** The API server's own words, if there are any. */
function describeCause(error: unknown): string {
  return describeRefusal(error instanceof PullSecretError ? (error.cause ?? error) : error);
}

function keyOf({ namespace, name }: PullSecret): string {
  return `${namespace}/${name}`;
}
