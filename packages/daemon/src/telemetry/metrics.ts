/** Every metric of the broker, by area; docs/metrics.md lists the same set. Each area's file names its metrics and records them. */
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { ReportingCache } from "./cache-entries.ts";
import { createAccessMetrics } from "./metrics/access.ts";
import { createDaemonMetrics } from "./metrics/daemon.ts";
import { createEventLoopMetrics } from "./metrics/event-loop.ts";
import { createMetricSet } from "./metrics/metric-set.ts";
import { createRequestMetrics } from "./metrics/requests.ts";
import { createServiceAccountMetrics } from "./metrics/service-accounts.ts";
import { createSessionMetrics } from "./metrics/sessions.ts";
import { createTextfileMetrics } from "./metrics/textfile.ts";
import { createTokenMetrics } from "./metrics/tokens.ts";
import { createUpstreamMetrics } from "./metrics/upstream.ts";

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics({ clock, version }: { clock: Clock; version: string }) {
  const set = createMetricSet();
  const daemon = createDaemonMetrics(set, clock, version);
  const requests = createRequestMetrics(set);
  const tokens = createTokenMetrics(set, clock);
  const sessions = createSessionMetrics(set, clock);
  const upstream = createUpstreamMetrics(set);
  const serviceAccounts = createServiceAccountMetrics(set);
  const access = createAccessMetrics(set);
  const textfile = createTextfileMetrics(set, clock);
  const eventLoop = createEventLoopMetrics(set, clock);

  return {
    ...{ requests, tokens, sessions, upstream, serviceAccounts, access, textfile },
    nameRegistry: set.nameRegistry,
    /** Updates the gauges; call it before each `render`. */
    read(current: { isServing: boolean; sessions: ReportingCache; tokens: ReportingCache }): void {
      daemon.read(current.isServing);
      sessions.read(current.sessions);
      tokens.read(current.tokens);
    },
    render: set.render,
    close: eventLoop.close,
  };
}
