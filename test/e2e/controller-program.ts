/**
 * The controller as a program of its own, so that its memory is not the test's: watches, queue and writes as in main.ts, with an
 * invented source of tokens. usage: controller-program.ts URL NAME..., of the API server
 */
import { systemRandom } from "@ocir-broker/foundation/random";
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { createApiServer } from "@ocir-broker/kubernetes/api-server";
import { createPullSecretCluster, watchCluster } from "../../packages/pull-secrets/src/cluster/cluster.ts";
import { runController } from "../../packages/pull-secrets/src/controller.ts";
import { createMetrics } from "../../packages/pull-secrets/src/metrics.ts";
import { TOKEN } from "../../packages/pull-secrets/test/api-server.ts";
import { inventedTokens, rulesFor } from "../../packages/pull-secrets/test/invented-tokens.ts";

const [URL_TEXT = "", ...NAMES] = process.argv.slice(2);

const { signal } = new AbortController();
const clock = createSystemClock();
const say = (text: string) => void process.stdout.write(`${text}\n`);
const api = createApiServer({ url: new URL(URL_TEXT), caCertificate: "", token: () => TOKEN });
const watched = watchCluster({ api, clock, names: new Set(NAMES), signal, say });
void runController(
  {
    ...{ clock, say, watched, random: systemRandom, metrics: createMetrics(clock) },
    source: async (_resource, { registries }) => inventedTokens(registries, clock.wallMs()),
    cluster: createPullSecretCluster({
      ...{ api, clock, audience: undefined, pod: "pod-1" },
      deadline: () => AbortSignal.timeout(4_000),
    }),
    rules: rulesFor(...NAMES),
    fetchDeadline: () => AbortSignal.timeout(15_000),
  },
  signal,
);
