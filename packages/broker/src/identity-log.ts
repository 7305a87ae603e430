/** What identity tells as it works: counted, and at debug logged. */
import type { IdentityEvent } from "@ocir-broker/identity";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { upstreamResult } from "./upstreams.ts";

export interface IdentityObserver {
  onEvent(event: IdentityEvent): void;
}

export function createIdentityLog(log: Log, metrics: Pick<Metrics, "upstreamAnswered">): IdentityObserver {
  return {
    onEvent(event) {
      const { type, ...facts } = event;
      log.debug(facts, type === "request" ? "identity request" : "identity retry");
      if (event.type !== "request") return;
      const result = typeof event.outcome === "number" ? upstreamResult(event.outcome) : "failed";
      metrics.upstreamAnswered(event.upstream === "metadata" ? "metadata" : "auth", result, event.elapsedMs);
    },
  };
}
