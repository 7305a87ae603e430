/** Requests to upstreams: their results and their duration. */
import { UPSTREAM_RESULTS, type UpstreamResult } from "@ocir-broker/credentials/tokens/upstream-result";
import { HOST, type MetricSet } from "./metric-set.ts";

/** The services with a fixed label; a registry's label is its host. */
const SERVICES = ["metadata", "auth", "cluster", "domain"] as const;

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createUpstreamMetrics({ counter, histogram, nameRegistry, registryLabel }: MetricSet) {
  const requests = counter({
    name: "ocir_broker_upstream_requests_total",
    help: "Requests to metadata, auth, cluster, domain or a registry host by result: a status, its class, or failed without a response.",
    labels: { upstream: [...SERVICES, HOST], result: UPSTREAM_RESULTS },
  });
  const seconds = histogram({
    name: "ocir_broker_upstream_duration_seconds",
    help: "Time of one request to metadata, auth, cluster, domain or a registry host.",
    labelNames: ["upstream"],
    buckets: BUCKETS,
  });

  function record(upstream: string, result: UpstreamResult, elapsedMs: number): void {
    requests.inc({ upstream, result });
    seconds.observe({ upstream }, elapsedMs / 1_000);
  }

  return {
    serviceAnswered: (service: (typeof SERVICES)[number], result: UpstreamResult, elapsedMs: number) =>
      record(service, result, elapsedMs),
    registryAnswered(registryHost: string, result: UpstreamResult, elapsedMs: number): void {
      if (result === "2xx") nameRegistry(registryHost);
      record(registryLabel(registryHost), result, elapsedMs);
    },
  };
}
