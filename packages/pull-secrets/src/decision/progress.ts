/**
 * What the controller remembers of a resource between its actions: the cloud's last response, and for each kind of action when it may
 * be taken again. It is lost with the process; everything else is in the cluster.
 */
import type { RetryHint } from "@ocir-broker/foundation/expiring";
import { backOffMs, SHORTEST_BACK_OFF_MS } from "@ocir-broker/foundation/time/back-off";
import type { Failure } from "../objects/failure.ts";
import type { CloudAnswer } from "../objects/issued-token.ts";
import type { PullSecret } from "../objects/pull-secret.ts";

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
  /** Undefined before the first fetch, and once the Secret contains the tokens. */
  readonly answer: CloudAnswer | undefined;
  readonly gates: Readonly<Record<"fetch" | "apply" | "report", Gate>>;
}

export type GateName = keyof Progress["gates"];

export interface Attempt extends Partial<RetryHint> {
  readonly failure?: Failure | undefined;
}

/** Part of the slack in docs/pull-secrets.md: a live token must outlast an outage, a new leader and this. */
export const LONGEST_BACK_OFF_MS = 30_000;
/** The same for failures that only a person can resolve. */
const LONGEST_PERMANENT_BACK_OFF_MS = 300_000;
const CONFLICT_BACK_OFF_MS = 300_000;
/** Successes that are further apart are not repetitions. */
const QUIET_MS = 60_000;
/** Pause after a change of the resource: short for a person who tries values, and long enough to make a loop of fetches useless. */
const CHANGED_MS = 5_000;

const OPEN: Gate = {
  triedAtMs: -Infinity,
  notBeforeMs: -Infinity,
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

/**
 * The progress after an attempt at `nowMs`.
 *
 * @param chance in [0, 1)
 * @param fetched default: the answer before, of which a written Secret has the tokens
 */
export function progressAfter(
  before: Progress,
  name: GateName,
  attempt: Attempt,
  { nowMs, chance }: { readonly nowMs: number; readonly chance: number },
  fetched?: CloudAnswer,
): Progress {
  const isWritten = name === "apply" && attempt.failure === undefined;
  const answer = isWritten ? undefined : before.answer;
  const gate = gateAfter(before.gates[name], attempt, nowMs, chance);
  return { ...before, answer: fetched ?? answer, gates: { ...before.gates, [name]: gate } };
}

/** @param chance in [0, 1). */
export function gateAfter(gate: Gate, attempt: Attempt, nowMs: number, chance: number): Gate {
  const { failure, retryAfterMs, retryable = true } = attempt;
  if (failure === undefined) {
    const repeats = nowMs - gate.triedAtMs < QUIET_MS ? gate.repeats + 1 : 0;
    const waitMs = repeats === 0 ? SHORTEST_BACK_OFF_MS : backOffMs(repeats, 1, { longestMs: LONGEST_BACK_OFF_MS });
    return { triedAtMs: nowMs, notBeforeMs: nowMs + waitMs, failures: 0, repeats, failure };
  }
  const failures = gate.failures + 1;
  const longestMs = retryable ? LONGEST_BACK_OFF_MS : LONGEST_PERMANENT_BACK_OFF_MS;
  const leastMs = failure.code === "secret-conflict" ? CONFLICT_BACK_OFF_MS : 0;
  const waitMs = leastMs + backOffMs(failures, chance, { longestMs, retryAfterMs });
  return { triedAtMs: nowMs, notBeforeMs: nowMs + waitMs, failures, repeats: gate.repeats, failure };
}
