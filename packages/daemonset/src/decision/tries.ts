/**
 * The tries on one node, and their times. They are an annotation of the Node, so neither a killed pod nor a drain forgets them, and each
 * is written before it begins. A time that a wrong clock has put into the future blocks a node for a day at most.
 */
import { parseJson } from "@ocir-broker/foundation/parse-json";

/** All times in epoch milliseconds, the oldest first. */
export interface Tries {
  /** The revision of the DaemonSet's pods. A changed chart changes it, and the failures are forgotten. */
  readonly revision: string;
  /** Ends of the tries that failed. */
  readonly failures: readonly number[];
  /** Starts of the waits with a cordoned node after which pods were still starting; the last one may still run. */
  readonly waits: readonly number[];
  /** Pods that were starting at the end of the last wait. */
  readonly pods: readonly string[];
  /** Restarts of the kubelet. */
  readonly restarts: readonly number[];
}

export const DAY_MS = 86_400_000;
/** A restart of the kubelet, and another one to remove the flags again. */
export const RESTARTS_OF_A_TRY = 2;
/** Pods that an Event names, all in its 1024 characters. */
const MOST_PODS = 3;

export const noTries = (revision: string): Tries => ({ revision, failures: [], waits: [], pods: [], restarts: [] });

export function isNear(timeMs: number | undefined, nowMs: number, spanMs: number): timeMs is number {
  return timeMs !== undefined && Math.abs(nowMs - timeMs) < spanMs;
}

/** @param text the annotation; an unreadable one counts as none. */
export function parseTries(text: string | undefined, revision: string, nowMs: number): Tries {
  const known = parseJson(text ?? "");
  if (typeof known !== "object" || known === null) return noTries(revision);
  const fields = known as Readonly<Record<string, unknown>>;
  const texts = (name: string) => [fields[name] ?? []].flat().map(String);
  const times = (name: string) => texts(name).map(Date.parse).filter(Number.isFinite);
  const ofToday = (name: string) => times(name).filter((timeMs) => isNear(timeMs, nowMs, DAY_MS));
  return {
    revision,
    failures: fields["revision"] === revision ? times("failures") : [],
    waits: ofToday("waits"),
    pods: texts("pods"),
    restarts: ofToday("restarts"),
  };
}

/** The annotation; null if there is nothing to remember. */
export function formatTries(tries: Tries): string | null {
  const { revision, pods } = tries;
  const [failures, waits, restarts] = [tries.failures, tries.waits, tries.restarts].map((times) =>
    times.map((timeMs) => new Date(timeMs).toISOString()),
  );
  const known = { ...(failures?.length && { revision, failures }), ...(waits?.length && { waits, pods }) };
  const all = { ...known, ...(restarts?.length && { restarts }) };
  return Object.keys(all).length === 0 ? null : JSON.stringify(all);
}

export function withWait(tries: Tries, nowMs: number): Tries {
  return { ...tries, waits: [...tries.waits, nowMs], pods: [] };
}

export function withPods(tries: Tries, pods: readonly string[]): Tries {
  return { ...tries, pods: pods.slice(0, MOST_PODS) };
}

/** The wait succeeded. The restart that may follow is counted too. */
export function withTry(tries: Tries, nowMs: number): Tries {
  const restarts = [...tries.restarts, ...Array<number>(RESTARTS_OF_A_TRY).fill(nowMs)];
  return { ...tries, waits: tries.waits.slice(0, -1), restarts };
}

/** @param unused restarts that were counted before and did not follow. */
export function withoutRestarts(tries: Tries, unused: number): Tries {
  return { ...tries, restarts: tries.restarts.slice(0, tries.restarts.length - unused) };
}

export function withFailure(tries: Tries, nowMs: number): Tries {
  return { ...tries, failures: [...tries.failures, nowMs] };
}

export function withSuccess(tries: Tries): Tries {
  return { ...tries, failures: [] };
}
