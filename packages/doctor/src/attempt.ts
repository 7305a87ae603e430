/** Runs a piece of work that may fail, and keeps how it ended. */

export type Attempt<Value> = { readonly value: Value } | { readonly error: unknown };

export async function attempt<Value>(work: Promise<Value>): Promise<Attempt<Value>> {
  try {
    return { value: await work };
  } catch (error) {
    return { error };
  }
}

/** Starts with the first caller; all callers share the result. A failure that nobody awaits is not an unhandled rejection. */
export function once<Value>(work: () => Promise<Value>): () => Promise<Value> {
  let running: Promise<Value> | undefined;
  return () => {
    if (running === undefined) {
      running = work();
      running.catch(() => {});
    }
    return running;
  };
}
