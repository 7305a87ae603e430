/**
 * The fallback broker's credentials socket: answers shims while there is no daemon, and tells when none is waiting.
 */
import { type Clock, sleep } from "@ocir-broker/foundation";
import { createCredentialsServer } from "../http/credentials-server.ts";
import type { ListenAddress } from "../http/listen.ts";
import type { AnswerCredentials } from "../pulls/kubelet-request.ts";

export interface FallbackServerOptions {
  readonly clock: Clock;
  readonly answer: AnswerCredentials;
  /** From a shim: an inherited descriptor that is already listening. */
  readonly address: ListenAddress;
  /** Time limit of an answer. */
  readonly limitMs: number;
}

export interface FallbackServer {
  /** Resolves once no client waits and the last answer is `quietMs` old (soon if there was none), or after `limitMs`. */
  untilQuiet(quietMs: number, limitMs: number): Promise<void>;
  /** Closes the remaining connections; their shims ask elsewhere. */
  stop(): Promise<void>;
}

/** Between two looks for waiting clients. */
const LOOK_INTERVAL_MS = 20;

/** Clients that connected before the start wait in the kernel's backlog; accepting them takes no longer than this. */
const FIRST_LOOK_MS = 100;

/** For clients to read an answer that has just been written. */
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
  return {
    async untilQuiet(quietMs, atMostMs) {
      const endAtMs = clock.monotonicMs() + atMostMs;
      await sleep(Math.min(FIRST_LOOK_MS, atMostMs), clock);
      const isQuiet = (): boolean => waiting === 0 && clock.monotonicMs() - answeredAtMs >= quietMs;
      while (!isQuiet() && clock.monotonicMs() < endAtMs) await sleep(LOOK_INTERVAL_MS, clock);
    },
    stop: () => server.stop(STOP_GRACE_MS),
  };
}
