/** Every metric of the broker, by area; docs/metrics.md lists the same set. Each area's file names its metrics and records them. */
import type { Clock } from "@ocir-broker/foundation";
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
import type { Readings } from "./readings.ts";

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics({ clock, version }: { clock: Clock; version: string }) {
  const set = createMetricSet();
  const daemon = createDaemonMetrics(set, clock, version);
  const requests = createRequestMetrics(set);
  const tokens = createTokenMetrics(set);
  const sessions = createSessionMetrics(set);
  const upstream = createUpstreamMetrics(set);
  const serviceAccounts = createServiceAccountMetrics(set);
  const access = createAccessMetrics(set);
  const textfile = createTextfileMetrics(set, clock);
  const eventLoop = createEventLoopMetrics(set, clock);

  return {
    ...{ requests, tokens, sessions, upstream, serviceAccounts, access, textfile },
    nameRegistry: set.nameRegistry,
    read(readings: Readings): void {
      for (const area of [daemon, sessions, tokens]) area.read(readings);
    },
    render: set.render,
    close: eventLoop.close,
  };
}
