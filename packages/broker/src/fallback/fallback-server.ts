/**
 * The credentials socket of the fallback broker: answers the shims that wait while there is no daemon, and knows when none
 * waits any more.
 */
import { type Clock, settledWithin } from "@ocir-broker/foundation";
import { createCredentialsServer } from "../http/credentials-server.ts";
import type { ListenAddress } from "../http/listen.ts";
import type { AnswerCredentials } from "../pulls/kubelet-request.ts";

export interface FallbackServerOptions {
  readonly clock: Clock;
  readonly answer: AnswerCredentials;
  /** From a shim: an inherited descriptor that listens already. */
  readonly address: ListenAddress;
  /** Longest that an answer may take, milliseconds. */
  readonly limitMs: number;
}

export interface FallbackServer {
  /** Resolves once nobody waits and nobody has been answered for `quietMs` (soon if nobody ever was), or after `limitMs`. */
  untilQuiet(quietMs: number, limitMs: number): Promise<void>;
  /** Cuts whoever is still connected: somebody else answers them. */
  stop(): Promise<void>;
}

/** How often it looks whether somebody still waits. */
const LOOK_INTERVAL_MS = 20;

/** Those who came before us wait in the kernel's queue: this long it takes at most to see that there is nobody. */
const FIRST_LOOK_MS = 100;

/** An answer that has just been written is still to be read. */
const STOP_GRACE_MS = 200;

/** @throws {BrokerError} `socket-in-use`, `socket-not-listening` */
export async function startFallbackServer({
  clock,
  answer,
  address,
  limitMs,
}: FallbackServerOptions): Promise<FallbackServer> {
  let waiting = 0;
  let answeredAtMs = Number.NEGATIVE_INFINITY;
  const server = createCredentialsServer({
    clock,
    deadlineMs: limitMs,
    async answer(body) {
      waiting += 1;
      return await answer(body);
    },
    onServed() {
      waiting -= 1;
      answeredAtMs = clock.monotonicMs();
    },
  });
  await server.listen(address);
  const never = new Promise<never>(() => {});
  return {
    async untilQuiet(quietMs, atMostMs) {
      const endAtMs = clock.monotonicMs() + atMostMs;
      await settledWithin(never, Math.min(FIRST_LOOK_MS, atMostMs), clock);
      const isQuiet = (): boolean => waiting === 0 && clock.monotonicMs() - answeredAtMs >= quietMs;
      while (!isQuiet() && clock.monotonicMs() < endAtMs) await settledWithin(never, LOOK_INTERVAL_MS, clock);
    },
    stop: () => server.stop(STOP_GRACE_MS),
  };
}
