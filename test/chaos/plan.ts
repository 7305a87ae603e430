/**
 * The events of a chaos run and their times, derived only from seed and length, so that a run can be repeated. actor.ts
 * carries them out, verdict.ts judges the result. Events that have their own tests (a full disk, exhausted descriptors,
 * malformed requests, late IAM, a broken configuration) are left out.
 */
import type { Fault } from "@ocir-broker/oci-simulator";
import { createSeededRandom } from "../seeded-random.ts";

export type ChaosEvent =
  /** A fault at the upstreams, for `forMs`. */
  | { readonly kind: "fault"; readonly fault: Fault; readonly forMs: number }
  /** Every upstream refuses connections for longer than a token's life. */
  | { readonly kind: "outage"; readonly forMs: number }
  /** SIGKILL, several in a row. */
  | { readonly kind: "kill"; readonly times: number; readonly everyMs: number }
  /** SIGSTOP, then SIGCONT. */
  | { readonly kind: "freeze"; readonly forMs: number }
  | { readonly kind: "restart" }
  /** A stop, which drops all tokens; the next call starts the daemon. */
  | { readonly kind: "stop" }
  /** Neither daemon nor sockets. */
  | { readonly kind: "close"; readonly forMs: number }
  /** This many concurrent calls. */
  | { readonly kind: "burst"; readonly calls: number }
  /** Another configuration, and after `forMs` the previous one. */
  | { readonly kind: "reload"; readonly forMs: number }
  | { readonly kind: "slow-clients"; readonly clients: number; readonly forMs: number };

export type ChaosKind = ChaosEvent["kind"];

export type TimedEvent = ChaosEvent & { readonly atMs: number };

type Chance = () => number;

/** Before the first event, each registry host has answered once. */
const FIRST_AT_MS = 3_000;
const SHORTEST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 3_500;
const LONGEST_FAULT_MS = 12_000;

export const CHAOS_KINDS: readonly ChaosKind[] = [
  ...(["fault", "outage", "kill", "freeze", "restart", "stop", "close", "burst", "reload", "slow-clients"] as const),
];

/** Relative probability of each kind. */
const WEIGHTS: readonly (readonly [number, (chance: Chance) => ChaosEvent])[] = [
  [8, (chance) => ({ kind: "fault", fault: drawFault(chance), forMs: between(chance, 500, LONGEST_FAULT_MS) })],
  [0.5, (chance) => ({ kind: "outage", forMs: between(chance, 5_000, 60_000) })],
  [3, (chance) => ({ kind: "kill", times: between(chance, 1, 3), everyMs: between(chance, 0, 600) })],
  [2, (chance) => ({ kind: "freeze", forMs: between(chance, 100, 8_000) })],
  [2, () => ({ kind: "restart" })],
  [0.7, () => ({ kind: "stop" })],
  [0.5, (chance) => ({ kind: "close", forMs: between(chance, 500, 6_000) })],
  [4, (chance) => ({ kind: "burst", calls: between(chance, 10, 60) })],
  [3, (chance) => ({ kind: "reload", forMs: between(chance, 200, 4_000) })],
  [1, (chance) => ({ kind: "slow-clients", clients: 1_000, forMs: between(chance, 4_000, 15_000) })],
];

/** Each kind once, in random order, then random kinds. */
export function planOf(seed: number, lengthMs: number): readonly TimedEvent[] {
  const chance = createSeededRandom(seed);
  const events: TimedEvent[] = [];
  const once = WEIGHTS.map(([, event]) => event);
  for (let atMs = FIRST_AT_MS; atMs < lengthMs; atMs += between(chance, SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS)) {
    const [next] = once.splice(Math.floor(chance() * once.length), 1);
    events.push({ atMs, ...(next?.(chance) ?? draw(chance)) });
  }
  return events;
}

function draw(chance: Chance): ChaosEvent {
  let left = chance() * WEIGHTS.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, event] of WEIGHTS) {
    left -= weight;
    if (left < 0) return event(chance);
  }
  return { kind: "restart" };
}

function drawFault(chance: Chance): Fault {
  const endpoint = pick(chance, [
    ...(["metadata.*", "metadata.regionInfo", "metadata.cert", "metadata.key", "metadata.intermediate"] as const),
    ...(["auth.x509", "registry.token", "registry.token", "registry.manifest", "registry.*", "*"] as const),
  ]);
  const what = pick<Omit<Fault, "endpoint">>(chance, [
    { refuse: true },
    { hang: "before-headers" },
    { hang: "mid-body" },
    { reset: "before-headers" },
    { reset: "mid-body" },
    { latencyMs: between(chance, 500, 9_000) },
    { truncate: true },
    { html: true },
    { wrongJson: true },
    { wrongShape: true },
    { bodyMiB: 10 },
    { contentType: "text/plain" },
    { dateSkewMs: pick(chance, [-600_000, 600_000]) },
    { mismatch: true },
    { status: pick(chance, [400, 401, 403, 404, 500, 503]) },
    { status: 429 },
    { status: 429, retryAfter: between(chance, 1, 5) },
    { token: pick(chance, ["expired", "without-exp", "foreign-key", "anonymous"]) },
  ]);
  return { endpoint, ...what };
}

/** A random integer, bounds included. */
function between(chance: Chance, from: number, to: number): number {
  return from + Math.floor(chance() * (to - from + 1));
}

function pick<T>(chance: Chance, choices: readonly T[]): T {
  return choices[Math.floor(chance() * choices.length)] as T;
}
