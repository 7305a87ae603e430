/**
 * The contenders, one node of each. The broker's caches are the real ones, wired as packages/broker does it; the
 * exec asks for everything each time, or lets the kubelet keep the answer for 59 minutes as the existing provider does.
 */
import type { Clock, Expiring, Random } from "@ocir-broker/foundation";
import { TokenCache } from "@ocir-broker/token-cache";
import type { GetCredentials } from "./kubelet-model.ts";
import { Bucket, METADATA_LIMIT, type Upstreams } from "./upstream-model.ts";

export interface Node {
  getCredentials: GetCredentials;
  /** The machine is gone, with all it remembered. */
  stop(): void;
}

export interface NodeOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly upstreams: Upstreams;
}

export const CONTENDERS = {
  broker: "this broker",
  exec: "exec at each pull",
  cachedExec: "exec, kept 59 minutes",
} as const;
export type Contender = keyof typeof CONTENDERS;

export function startNode(contender: Contender, options: NodeOptions): Node {
  return contender === "broker" ? startBrokerNode(options) : startExecNode(options, contender === "cachedExec");
}

const MINUTE_MS = 60_000;
const TOKEN_LIFE_MS = 60 * MINUTE_MS;
const SESSION_LIFE_MS = 20 * MINUTE_MS;
const EXCHANGE_MS = 100;

/** As packages/broker/src/tokens.ts and its configuration have them. */
const SESSION_WAIT_MS = 14_000;
const REQUEST_DEADLINE_MS = 15_000;

const REGION_REQUESTS = 1;
const CERTIFICATE_REQUESTS = 3;

class Refused extends Error {}
const REFUSED = new Refused("refused");

function startBrokerNode({ clock, random, upstreams }: NodeOptions): Node {
  const metadata = new Bucket(METADATA_LIMIT);
  let isRegionKnown = false;

  const passed = (ms: number): Promise<void> => new Promise((resolve) => clock.setTimer(resolve, ms));
  async function exchange(isAnswered: boolean): Promise<void> {
    await passed(EXCHANGE_MS);
    if (!isAnswered) throw REFUSED;
  }
  const obtained = (lifeMs: number): Expiring<true> => {
    const obtainedAtMs = clock.monotonicMs();
    return { value: true, obtainedAtMs, expiresAtMs: obtainedAtMs + lifeMs };
  };

  const sessions = new TokenCache<true>({
    clock,
    random,
    async fetch() {
      const requests = CERTIFICATE_REQUESTS + (isRegionKnown ? 0 : REGION_REQUESTS);
      await exchange(upstreams.askMetadata(metadata, requests));
      isRegionKnown = true;
      await exchange(upstreams.ask("auth"));
      return obtained(SESSION_LIFE_MS);
    },
  });
  const tokens = new TokenCache<true>({
    clock,
    random,
    async fetch() {
      await sessions.get("session", { waitMs: SESSION_WAIT_MS });
      await exchange(upstreams.ask("tokens"));
      return obtained(TOKEN_LIFE_MS);
    },
  });
  sessions.keep("session");
  tokens.keep("registry");

  return {
    getCredentials(done) {
      tokens.get("registry", { waitMs: REQUEST_DEADLINE_MS }).then(
        () => done(true),
        () => done(false),
      );
    },
    stop() {
      tokens.close();
      sessions.close();
    },
  };
}

/** Region twice, tenancy, and three documents: what the existing provider asks the metadata service in each exec. */
const EXEC_METADATA_REQUESTS = 6;
const KEPT_BY_KUBELET_MS = 59 * MINUTE_MS;

function startExecNode({ clock, upstreams }: NodeOptions, isKept: boolean): Node {
  const metadata = new Bucket(METADATA_LIMIT);
  let keptUntilMs = 0;
  return {
    getCredentials(done) {
      if (clock.monotonicMs() < keptUntilMs) return done(true);
      if (!upstreams.askMetadata(metadata, EXEC_METADATA_REQUESTS)) return done(false);
      clock.setTimer(() => {
        if (!upstreams.ask("auth")) return done(false);
        clock.setTimer(() => {
          if (!upstreams.ask("tokens")) return done(false);
          if (isKept) keptUntilMs = clock.monotonicMs() + KEPT_BY_KUBELET_MS;
          done(true);
        }, EXCHANGE_MS);
      }, EXCHANGE_MS);
    },
    stop() {},
  };
}
