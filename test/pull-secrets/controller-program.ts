/**
 * The controller as a program of its own, so that its memory is not the test's: watches, queue and writes as in main.ts, with an
 * invented source of tokens. usage: controller-program.ts URL, of the API server
 */
import { systemRandom } from "@ocir-broker/foundation/random";
import { Secret } from "@ocir-broker/foundation/secret";
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { createApiServer } from "@ocir-broker/kubernetes/api-server";
import { createPullSecretCluster } from "../../packages/pull-secrets/src/cluster/cluster.ts";
import { watchCluster } from "../../packages/pull-secrets/src/cluster/watched-cluster.ts";
import { runController } from "../../packages/pull-secrets/src/controller.ts";
import { createMetrics } from "../../packages/pull-secrets/src/metrics.ts";
import type { TokenSource } from "../../packages/pull-secrets/src/tokens/token-source.ts";

const NAMES = new Set(["ocir-pull", "builder"]);
const LIFE_MS = 3_600_000;

const { signal } = new AbortController();
const clock = createSystemClock();
const say = (text: string) => void process.stdout.write(`${text}\n`);
const api = createApiServer({ url: new URL(process.argv[2] ?? ""), caCertificate: "", token: () => "token" });
const source: TokenSource = async ({ registries }) => {
  const fetchedAtMs = clock.wallMs();
  const expiresAtMs = fetchedAtMs + LIFE_MS;
  const token = { token: new Secret("t"), fetchedAtMs, expiresAtMs, renewAtMs: fetchedAtMs + LIFE_MS / 2 };
  const tokens = new Map(registries.map((host) => [host, token]));
  return {
    subject: "ocir-pull/uid",
    tokens,
    failure: undefined,
    retryable: true,
    retryAfterMs: undefined,
    sent: { exchanges: 1, registryRequests: 1 },
  };
};
const watched = watchCluster({ api, clock, names: NAMES, signal, say });
void runController(
  {
    ...{ clock, say, source, random: systemRandom, metrics: createMetrics(clock) },
    watched,
    cluster: createPullSecretCluster({
      ...{ api, clock, audience: undefined, pod: "pod-1" },
      deadline: () => AbortSignal.timeout(4_000),
    }),
    rules: {
      names: NAMES,
      identity: { kind: "service-account" },
      isSelected: watched.isSelected,
      isRegistry: () => true,
      policyOf: () => "Allow",
    },
    fetchDeadline: () => AbortSignal.timeout(15_000),
  },
  signal,
);
