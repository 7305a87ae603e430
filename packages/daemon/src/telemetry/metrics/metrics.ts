/** Every metric of the broker, by area; docs/metrics.md lists the same set. Each area's file names its metrics and records them. */
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { ReportingCache } from "../cache-entries.ts";
import { createDaemonMetrics, createEventLoopMetrics, createTextfileMetrics } from "./daemon.ts";
import {
  createAccessMetrics,
  createServiceAccountMetrics,
  createSessionMetrics,
  createTokenMetrics,
} from "./fetches.ts";
import { createMetricSet } from "./metric-set.ts";
import { createRequestMetrics, createUpstreamMetrics } from "./requests.ts";

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics(clock: Clock, version: string, hasIdentity: boolean) {
  const set = createMetricSet();
  const daemon = createDaemonMetrics(set, clock, version);
  const requests = createRequestMetrics(set);
  const tokens = createTokenMetrics(set, clock);
  const sessions = createSessionMetrics(set, clock, hasIdentity);
  const upstream = createUpstreamMetrics(set);
  const serviceAccounts = createServiceAccountMetrics(set);
  const access = createAccessMetrics(set);
  const textfile = createTextfileMetrics(set, clock);
  const eventLoop = createEventLoopMetrics(set, clock);

  return {
    requests,
    tokens,
    sessions,
    upstream,
    serviceAccounts,
    access,
    textfile,
    nameRegistry: set.nameRegistry,
    /** Updates the gauges; call it before each `render`. */
    read(current: {
      isServing: boolean;
      isConfigValid: boolean;
      sessions: ReportingCache;
      tokens: ReportingCache;
    }): void {
      daemon.read(current.isServing, current.isConfigValid);
      sessions.read(current.sessions);
      tokens.read(current.tokens);
    },
    render: set.render,
    close: eventLoop.close,
  };
}
