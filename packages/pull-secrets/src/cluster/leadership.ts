/** Keeps the Lease and lets the work run while it is held: 15 s, given up 10 s after the last request that renewed it, tried every 2 s. */
import type { Clock, Timer } from "@ocir-broker/foundation/time/clock";
import { sleep } from "@ocir-broker/foundation/time/sleep";
import { describeRefusal } from "@ocir-broker/kubernetes/api-error";
import type { Lease } from "@ocir-broker/kubernetes/lease";
import type { Say } from "@ocir-broker/kubernetes/log-line";

export const LEASE_SECONDS = 15;
const RENEW_LIMIT_MS = 10_000;
const RETRY_MS = 2_000;

export interface LeadershipOptions {
  readonly lease: Omit<Lease, "holder">;
  readonly clock: Clock;
  /** Called each time the API server has answered with the Lease, whoever holds it. */
  onLeaseRead(): void;
  /** Called each time the Lease is taken. Must end soon after its signal aborts. */
  work(signal: AbortSignal): Promise<void>;
  readonly say: Say;
}

interface Term {
  readonly ending: AbortController;
  readonly ended: Promise<void>;
  /** Gives the Lease up after this time without a renewal. */
  limit?: Timer;
}

/** Resolves after `signal`, when the work has ended and the Lease is released. Rejects if the work does. */
export async function lead(
  { lease, clock, onLeaseRead, work, say }: LeadershipOptions,
  signal: AbortSignal,
): Promise<void> {
  let term: Term | undefined;
  let failure: { error: unknown } | undefined;
  /** An outage is one line, not one each two seconds. */
  let told = "";

  async function end(): Promise<void> {
    term?.limit?.cancel();
    term?.ending.abort();
    await term?.ended;
    term = undefined;
  }

  function start(): Term {
    say("this replica holds the Lease");
    const ending = new AbortController();
    const ended = work(ending.signal).catch((error: unknown) => {
      failure = { error };
    });
    return { ending, ended };
  }

  function renewed(sentAtMs: number): void {
    term ??= start();
    const { ending, limit } = term;
    limit?.cancel();
    term.limit = clock.setTimer(
      () => {
        say("the Lease was not renewed in time: this replica pauses", "warn");
        ending.abort();
      },
      sentAtMs + RENEW_LIMIT_MS - clock.monotonicMs(),
    );
  }

  while (!signal.aborted && failure === undefined) {
    // The work of the last term must end before another one begins.
    if (term?.ending.signal.aborted) await end();
    const dueAtMs = clock.monotonicMs() + RETRY_MS;
    try {
      const taken = await lease.take();
      if (taken.kind === "ours") renewed(taken.sentAtMs);
      else await end();
      onLeaseRead();
      told = "";
    } catch (error) {
      const text = describeRefusal(error);
      if (text !== told) say(text, "warn");
      told = text;
    }
    await sleep(dueAtMs - clock.monotonicMs(), clock);
  }
  await end();
  await lease.release().catch((error: unknown) => say(describeRefusal(error), "warn"));
  if (failure !== undefined) throw failure.error;
}
