/**
 * What the fleet asks of: a metadata service for each node, an auth service and a token service for the region.
 * Each is a token bucket that answers 429 when it is empty. Oracle publishes no limits; these are assumptions.
 */
import type { Clock } from "@ocir-broker/foundation";
import { RequestSeries } from "./request-series.ts";

export type ServiceName = "metadata" | "auth" | "tokens";

export interface Limit {
  readonly burst: number;
  readonly perSecond: number;
}

/** A burst of 26 execs at once passed in the field (6 requests each), "slightly more" did not. */
export const METADATA_LIMIT: Limit = { burst: 160, perSecond: 10 };
export const REGIONAL_LIMIT: Limit = { burst: 1_000, perSecond: 500 };

export interface Traffic {
  readonly asked: RequestSeries;
  /** Those answered 429 or 503. */
  readonly refused: RequestSeries;
}

export interface Upstreams {
  readonly traffic: Readonly<Record<ServiceName, Traffic>>;
  /** One request to a regional service; false where it was refused. */
  ask(service: "auth" | "tokens"): boolean;
  /** `count` requests one after the other to a node's own metadata service, until one is refused. */
  askMetadata(bucket: Bucket, count: number): boolean;
  /** The token service answers 503 from now on, or not any more. */
  setOutage(isDown: boolean): void;
}

export class Bucket {
  readonly #limit: Limit;
  #level: number;
  #atMs = 0;

  constructor(limit: Limit) {
    this.#limit = limit;
    this.#level = limit.burst;
  }

  take(nowMs: number): boolean {
    const refill = ((nowMs - this.#atMs) / 1_000) * this.#limit.perSecond;
    this.#level = Math.min(this.#limit.burst, this.#level + refill);
    this.#atMs = nowMs;
    if (this.#level < 1) return false;
    this.#level--;
    return true;
  }
}

export function createUpstreams(clock: Clock): Upstreams {
  const traffic = { metadata: createTraffic(), auth: createTraffic(), tokens: createTraffic() };
  const buckets = { auth: new Bucket(REGIONAL_LIMIT), tokens: new Bucket(REGIONAL_LIMIT) };
  let isDown = false;

  function count(service: ServiceName, isAnswered: boolean): boolean {
    const nowMs = clock.monotonicMs();
    traffic[service].asked.add(nowMs);
    if (!isAnswered) traffic[service].refused.add(nowMs);
    return isAnswered;
  }

  return {
    traffic,
    ask(service) {
      if (service === "tokens" && isDown) return count(service, false);
      return count(service, buckets[service].take(clock.monotonicMs()));
    },
    askMetadata(bucket, requests) {
      for (let request = 0; request < requests; request++) {
        if (!count("metadata", bucket.take(clock.monotonicMs()))) return false;
      }
      return true;
    },
    setOutage(down) {
      isDown = down;
    },
  };
}

function createTraffic(): Traffic {
  return { asked: new RequestSeries(), refused: new RequestSeries() };
}
