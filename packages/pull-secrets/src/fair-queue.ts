/** A queue in which namespaces take turns, so that one with many resources delays another one by one turn. */
import type { Limiter } from "@ocir-broker/foundation/time/limiter";

export type FairQueue = ReturnType<typeof createFairQueue>;

/** @param limiter of this queue alone: when something starts. @param run takes the key whose turn it is. */
export function createFairQueue(limiter: Limiter, run: (key: string) => Promise<void>) {
  /** By namespace, in the order of their turns. */
  const waiting = new Map<string, Set<string>>();
  let size = 0;
  /** Starts that the limiter owes. */
  let starts = 0;

  async function start(): Promise<void> {
    starts -= 1;
    const [next] = waiting;
    const [key] = next?.[1] ?? [];
    if (next === undefined || key === undefined) return;
    remove(key);
    const [namespace, others] = next;
    if (waiting.delete(namespace)) waiting.set(namespace, others);
    await run(key);
  }

  function remove(key: string): void {
    const namespace = namespaceOf(key);
    const keys = waiting.get(namespace);
    if (!keys?.delete(key)) return;
    size -= 1;
    if (keys.size === 0) waiting.delete(namespace);
  }

  return {
    /** @param key `namespace/name`, which is not in the queue yet. */
    add(key: string): void {
      const namespace = namespaceOf(key);
      waiting.set(namespace, (waiting.get(namespace) ?? new Set()).add(key));
      size += 1;
      if (starts >= size) return;
      starts += 1;
      limiter.add(start);
    },
    delete: remove,
  };
}

function namespaceOf(key: string): string {
  return key.slice(0, key.indexOf("/"));
}
