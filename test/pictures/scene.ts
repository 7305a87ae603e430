/** The events of the dashboard's picture (docs/metrics.md): some minutes of a node, with tokens that live a minute. */
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Simulator } from "@ocir-broker/oci-simulator";

export const SCENE = { tokenLifeMs: 60_000, sessionLifeMs: 40_000, latencyMs: 40 } as const;

/** The first two are in use all the time, the third from the burst on. */
export const REGISTRY_HOSTS = ["iad.ocir.io", "fra.ocir.io", "icn.ocir.io"];

const LATE = "acme/late";
const TOKEN_ENDPOINT = "registry.token";

const LOAD_INTERVAL_MS = 50;

/** The time that fills the windows of queries before the picture begins: of the file's writes, and of requests. */
const PRELUDE_MS = 55_000;
const LEAD_MS = 10_000;
/** The first request for the third host outside the burst. */
const AFTER_BURST = (LEAD_MS + 11_000) / LOAD_INTERVAL_MS;

export async function playScene(simulator: Simulator, credentialsSocket: string, onStart: () => void): Promise<void> {
  const { ask, close } = createCaller(credentialsSocket);
  await sleep(PRELUDE_MS);
  const load = startLoad(ask);
  try {
    await sleep(LEAD_MS);
    const at = createTimeline();
    onStart();
    simulator.iam({ granted: false, repository: LATE });
    await at(10);
    for (let index = 0; index < 20; index += 1) ask(`icn.ocir.io/acme/app-${index}`);
    // The token endpoint is down when renewals are due.
    await at(22);
    simulator.faults({ endpoint: TOKEN_ENDPOINT, status: 503 });
    await at(34);
    simulator.clearFaults();
    // It is slow.
    await at(36);
    simulator.faults({ endpoint: TOKEN_ENDPOINT, latencyMs: 900, times: 3 });
    // It throttles.
    await at(60);
    simulator.faults({ endpoint: [TOKEN_ENDPOINT, "metadata.*"], status: 429, retryAfter: 2 });
    await at(76);
    simulator.clearFaults();
    // A repository that the policy leaves out, and the late grant.
    for (const second of [82, 85, 88, 91, 94]) {
      await at(second);
      ask(`fra.ocir.io/${LATE}`);
    }
    simulator.iam({ granted: true, repository: LATE });
    await at(100);
    ask(`fra.ocir.io/${LATE}`);
    // Everything is down for as long as a token lives.
    await at(105);
    simulator.faults({ endpoint: "*", status: 503 });
    await at(152);
    simulator.clearFaults();
    await at(225);
  } finally {
    load();
    close();
  }
}

function createTimeline(): (second: number) => Promise<void> {
  const startMs = performance.now();
  return (second) => sleep(startMs + second * 1_000 - performance.now());
}

type Ask = (image: string) => void;

function createCaller(socketPath: string): { ask: Ask; close(): void } {
  const agent = new Agent({ keepAlive: true });
  return {
    ask(image) {
      const body = JSON.stringify({
        kind: "CredentialProviderRequest",
        apiVersion: "credentialprovider.kubelet.k8s.io/v1",
        image,
      });
      request({ socketPath, agent, method: "POST", path: "/v1/credentials" }, (answer) => answer.resume())
        .on("error", (error) => console.error(`${image}: ${error.message}`))
        .end(body);
    },
    close: () => agent.destroy(),
  };
}

/** About 20 requests a second, of which one is for a registry that is not Oracle's. */
function startLoad(ask: Ask): () => void {
  let count = 0;
  const timer = setInterval(() => {
    count += 1;
    const host = REGISTRY_HOSTS[count % 2];
    ask(count % 20 === 0 ? "registry.k8s.io/pause" : `${host}/acme/shop/${["web", "api", "db"][count % 3]}`);
    if (count > AFTER_BURST && count % 5 === 0) ask(`icn.ocir.io/acme/app-${count % 20}`);
  }, LOAD_INTERVAL_MS);
  return () => clearInterval(timer);
}
