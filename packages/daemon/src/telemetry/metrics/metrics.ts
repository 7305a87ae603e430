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

interface MetricsOptions {
  readonly clock: Clock;
  readonly version: string;
  readonly hasIdentity: boolean;
}

interface Current {
  readonly isServing: boolean;
  readonly isConfigValid: boolean;
  readonly sessions: ReportingCache;
  readonly tokens: ReportingCache;
}

export function createMetrics({ clock, version, hasIdentity }: MetricsOptions) {
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
    ...{ requests, tokens, sessions, upstream, serviceAccounts, access, textfile },
    nameRegistry: set.nameRegistry,
    /** Updates the gauges; call it before each `render`. */
    read(current: Current): void {
      daemon.read(current.isServing, current.isConfigValid);
      sessions.read(current.sessions);
      tokens.read(current.tokens);
    },
    render: set.render,
    close: eventLoop.close,
  };
}
