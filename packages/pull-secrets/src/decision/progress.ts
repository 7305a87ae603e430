/**
 * What the controller remembers of a resource between its actions: the cloud's last response, and for each kind of action when it may
 * be taken again. It is lost with the process; everything else is in the cluster.
 */

import type { Failure } from "../objects/failure.ts";
import type { IssuedToken } from "../objects/issued-token.ts";
import type { PullSecret } from "../objects/pull-secret.ts";

/** The result of a fetch: tokens, a failure, or both if only some of the registries responded. */
export interface CloudAnswer {
  /** The identity of the tokens; undefined if it is not known. */
  readonly subject: string | undefined;
  /** Dropped once the Secret contains them. */
  readonly tokens: ReadonlyMap<string, IssuedToken>;
  readonly failure: Failure | undefined;
}

/** The back-off of an action, which also applies if it succeeds without effect. */
export interface Gate {
  /** The last attempt, epoch milliseconds. */
  readonly triedAtMs: number;
  readonly notBeforeMs: number;
  /** Failures in a row. */
  readonly failures: number;
  /** Successes, each soon after the attempt before. Failures between them do not count. */
  readonly repeats: number;
  readonly failure: Failure | undefined;
}

export interface Progress {
  /** The version of the resource to which the rest applies; a changed resource gets a new chance. */
  readonly version: string;
  readonly answer: CloudAnswer | undefined;
  readonly gates: Readonly<Record<"fetch" | "apply" | "report", Gate>>;
}

export type GateName = keyof Progress["gates"];

export interface Attempt {
  readonly failure?: Failure | undefined;
  readonly retryAfterMs?: number | undefined;
  /** False if the same request fails the same way until something is changed. */
  readonly retryable?: boolean;
}

const FIRST_BACK_OFF_MS = 500;
const SHORTEST_BACK_OFF_MS = 100;
/** Part of the slack in docs/pull-secrets.md: a live token must outlast an outage, a new leader and this. */
export const LONGEST_BACK_OFF_MS = 30_000;
/** The same for failures that only a person can resolve. */
const LONGEST_PERMANENT_BACK_OFF_MS = 300_000;
const SHORTEST_CONFLICT_BACK_OFF_MS = 300_000;
const LONGEST_RETRY_AFTER_MS = 300_000;
/** Successes that are further apart are not repetitions. */
const QUIET_MS = 60_000;
/** Pause after a change of the resource: short for a person who tries values, and long enough to make a loop of fetches useless. */
const CHANGED_MS = 5_000;

const OPEN: Gate = {
  triedAtMs: Number.NEGATIVE_INFINITY,
  notBeforeMs: Number.NEGATIVE_INFINITY,
  failures: 0,
  repeats: 0,
  failure: undefined,
};

/** The part of the progress that applies to this version of the resource. */
export function progressFor(resource: PullSecret, known: Progress | undefined): Progress {
  const version = `${resource.uid}/${resource.generation}`;
  if (known?.version === version) return known;
  const { fetch, apply, report } = known?.gates ?? { fetch: OPEN, apply: OPEN, report: OPEN };
  const reopened = (gate: Gate, notBeforeMs: number): Gate => ({ ...OPEN, triedAtMs: gate.triedAtMs, notBeforeMs });
  const soon = (gate: Gate) => reopened(gate, Math.min(gate.notBeforeMs, gate.triedAtMs + CHANGED_MS));
  const gates = { fetch: reopened(fetch, fetch.triedAtMs + CHANGED_MS), apply: soon(apply), report: soon(report) };
  return { version, answer: undefined, gates };
}

/** The gate after an attempt at `nowMs`. @param chance in [0, 1). */
export function gateAfter(gate: Gate, attempt: Attempt, nowMs: number, chance: number): Gate {
  const { failure, retryAfterMs = 0, retryable = true } = attempt;
  if (failure === undefined) {
    const repeats = nowMs - gate.triedAtMs < QUIET_MS ? gate.repeats + 1 : 0;
    const waitMs = Math.min(ceilingMs(repeats), LONGEST_BACK_OFF_MS);
    return { triedAtMs: nowMs, notBeforeMs: nowMs + waitMs, failures: 0, repeats, failure };
  }
  const failures = gate.failures + 1;
  const longestMs = retryable ? LONGEST_BACK_OFF_MS : LONGEST_PERMANENT_BACK_OFF_MS;
  const jitterMs = chance * (Math.min(ceilingMs(failures), longestMs) - SHORTEST_BACK_OFF_MS);
  const leastMs = failure.code === "secret-conflict" ? SHORTEST_CONFLICT_BACK_OFF_MS : SHORTEST_BACK_OFF_MS;
  const waitMs = Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS) + leastMs + jitterMs;
  return { triedAtMs: nowMs, notBeforeMs: nowMs + waitMs, failures, repeats: gate.repeats, failure };
}

function ceilingMs(attempts: number): number {
  return attempts === 0 ? SHORTEST_BACK_OFF_MS : FIRST_BACK_OFF_MS * 2 ** (attempts - 1);
}
