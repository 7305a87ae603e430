/** Refreshes for repositories that were denied. */
import { HOST, type MetricSet } from "./metric-set.ts";

export function createAccessMetrics({ counter, registryLabel }: MetricSet) {
  const refreshes = counter({
    name: "ocir_broker_access_refreshes_total",
    help: "Times session and token were refreshed because a repository was denied.",
    labels: { registry: [HOST] },
  });

  return {
    refreshed: (registryHost: string) => refreshes.inc({ registry: registryLabel(registryHost) }),
  };
}
