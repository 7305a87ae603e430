/** The next action on one node: a function of what the Node shows. Reads and changes nothing. */
import { DAY_MS, isNear, RESTARTS_OF_A_TRY, type Tries } from "./tries.ts";

export interface Facts {
  readonly nowMs: number;
  /** Limit of one wait with a cordoned node. */
  readonly waitMs: number;
  readonly isCordonedByUs: boolean;
  /** The next step: a command, a restart of the kubelet, or none without a person. */
  readonly todo: "command" | "restart" | "nothing";
  /** Whether one of `tries.pods` has still not started. */
  readonly isNamedPodThere: boolean;
}

export type Next =
  /** Needs the Lease, and continues a wait that an earlier pod began. */
  | { readonly kind: "work" }
  /** Failed: keeps the Lease until the next try; undefined: until a person acts. */
  | { readonly kind: "failed"; readonly againAtMs: number | undefined }
  /** Other nodes go first. */
  | { readonly kind: "rest"; readonly why: string }
  /** A wait is over, or its pod was killed: uncordon the node. */
  | { readonly kind: "uncordon" };

const MINUTE_MS = 60_000;
const PAUSE_AFTER_FAILURE_MS = 30 * MINUTE_MS;
const MOST_FAILURES = 2;
const MOST_WAITS = 3;
const MOST_RESTARTS = 4;

export function decide(tries: Tries, facts: Facts): Next {
  const next = nextOf(tries, facts);
  if (!facts.isCordonedByUs) return next;
  const isWaiting = isNear(tries.waits.at(-1), facts.nowMs, facts.waitMs);
  const mayGoOn = isWaiting && facts.todo === "restart" && failed(tries, facts) === undefined;
  return mayGoOn ? { kind: "work" } : { kind: "uncordon" };
}

function nextOf(tries: Tries, facts: Facts): Next {
  const failure = failed(tries, facts);
  const rest = facts.todo === "restart" ? (restOfRestarts(tries) ?? restOfWaits(tries, facts)) : undefined;
  const last = tries.failures.at(-1);
  if (failure !== undefined || (rest !== undefined && last !== undefined)) {
    const againAtMs =
      failure === "for good" ? undefined : Math.max((last ?? 0) + PAUSE_AFTER_FAILURE_MS, rest?.atMs ?? 0);
    return { kind: "failed", againAtMs };
  }
  return rest === undefined ? { kind: "work" } : { kind: "rest", why: rest.why };
}

function failed({ failures }: Tries, { nowMs, todo }: Facts): "for good" | "for now" | undefined {
  if (failures.length >= MOST_FAILURES || (failures.length > 0 && todo === "nothing")) return "for good";
  return isNear(failures.at(-1), nowMs, PAUSE_AFTER_FAILURE_MS) ? "for now" : undefined;
}

function restOfRestarts({ restarts }: Tries) {
  if (restarts.length + RESTARTS_OF_A_TRY <= MOST_RESTARTS) return undefined;
  const atMs = (restarts.at(RESTARTS_OF_A_TRY - MOST_RESTARTS - 1) ?? 0) + DAY_MS;
  return { atMs, why: `its kubelet was restarted often: the next restart is not before ${textOf(atMs)}` };
}

function restOfWaits(tries: Tries, { nowMs, waitMs, isNamedPodThere }: Facts) {
  const last = tries.waits.at(-1);
  if (last === undefined) return undefined;
  const pauseMs = (tries.waits.length > 1 ? 60 : 30) * MINUTE_MS;
  const isOver = !isNear(last, nowMs, waitMs + pauseMs);
  const isUsedUp = tries.waits.length >= MOST_WAITS;
  if (isOver && !(isUsedUp && isNamedPodThere)) return undefined;
  const atMs = last + waitMs + pauseMs;
  const names = tries.pods.length > 0 ? ` (${tries.pods.join(", ")})` : "";
  const day = `, and not before these pods are gone, or ${textOf((tries.waits.at(-MOST_WAITS) ?? last) + DAY_MS)}`;
  return { atMs, why: `pods kept starting${names}: the next try is not before ${textOf(atMs)}${isUsedUp ? day : ""}` };
}

function textOf(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 16)}Z`;
}
