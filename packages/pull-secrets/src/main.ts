/** The controller's program, for a pod. It runs until SIGTERM; two replicas take turns by a Lease. */
import { systemRandom } from "@ocir-broker/foundation/random";
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { createApiServer, podAccess } from "@ocir-broker/kubernetes/api-server";
import { createLease } from "@ocir-broker/kubernetes/lease";
import { logLine, type Say } from "@ocir-broker/kubernetes/log-line";
import { createPullSecretCluster, watchCluster } from "./cluster/cluster.ts";
import { LEASE_SECONDS, lead } from "./cluster/leadership.ts";
import { runController } from "./controller.ts";
import { rulesOf } from "./decision/rules.ts";
import { startHttpServer } from "./http-server.ts";
import { createMetrics } from "./metrics.ts";
import { parseSettings } from "./settings.ts";
import { createConfiguredSource } from "./tokens/configured-source.ts";

/** The Lease's name in the chart. */
const LEASE = "ocir-pull-secrets";
const PORT = 8_080;
/** Shorter than the rest of a Lease that is given up, so that it is not renewed after its end. */
const LEASE_REQUEST_MS = 4_000;
/** All requests for a resource's tokens; also one write, because the API server waits 10 s for a webhook that does not respond. */
const WORK_MS = 15_000;

const clock = createSystemClock();

main().catch((error: unknown) => {
  process.stdout.write(logLine("fatal", clock.wallMs(), error instanceof Error ? error.message : String(error)));
  process.exit(2);
});

async function main(): Promise<void> {
  const settings = parseSettings(process.env);
  const access = podAccess(process.env);
  const say: Say = (text, level = "info") => void process.stdout.write(logLine(level, clock.wallMs(), text));
  const ending = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"]) process.on(name, () => ending.abort());

  const api = createApiServer(access);
  const within = (ms: number) => () => AbortSignal.timeout(ms);
  const { names, identity } = settings;
  const exchange = identity.kind === "service-account" ? identity.exchange : undefined;
  const audience = exchange?.kind === "identity-domain" ? exchange.audience : undefined;
  const cluster = createPullSecretCluster({ api, audience, pod: settings.pod, clock, deadline: within(WORK_MS) });
  const lease = createLease({
    ...{ api, namespace: settings.namespace, name: LEASE, identity: settings.pod, leaseSeconds: LEASE_SECONDS },
    ...{ clock, deadline: within(LEASE_REQUEST_MS), say },
  });
  const metrics = createMetrics(clock);
  const namespaceSelector = identity.kind === "controller" ? identity.namespaceSelector : undefined;
  const watched = watchCluster({ api, clock, names, namespaceSelector, signal: ending.signal, say });
  const rules = rulesOf(settings, watched);
  const options = {
    ...{ watched, cluster, clock, metrics, say },
    source: createConfiguredSource({
      ...{ settings, cluster, access, clock, isRegistry: rules.isRegistry },
      random: systemRandom,
      environment: process.env,
    }),
    rules,
    random: systemRandom,
    fetchDeadline: within(WORK_MS),
  };
  const leaseRead = Promise.withResolvers<void>();
  const started = Promise.all([watched.synced, leaseRead.promise]);
  const server = await startHttpServer(PORT, { clock, started, render: metrics.render });
  const work = async (signal: AbortSignal): Promise<void> => {
    metrics.leads(true);
    await runController(options, signal).finally(() => metrics.leads(false));
  };
  await lead({ lease, clock, onLeaseRead: leaseRead.resolve, work, say }, ending.signal);
  server.close();
  process.exit();
}
