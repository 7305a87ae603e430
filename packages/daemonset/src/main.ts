/**
 * The DaemonSet's program. enter-node starts it in the node's mount namespace with the image's Node, so it sees the node's files
 * and programs. It exits with 0 when the image's version is installed, or after SIGTERM.
 */
import { rmSync, writeFileSync } from "node:fs";
import { KubeConfig } from "@kubernetes/client-node";
import { systemRandom } from "@ocir-broker/foundation/random";
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { createNodeLease } from "@ocir-broker/kubernetes/lease";
import { createCluster } from "./cluster.ts";
import { createFailureMetric } from "./failure-metric.ts";
import { createInstallation } from "./installation.ts";
import { restartKubelet } from "./kubelet-restart.ts";
import { createKubeletUnit } from "./kubelet-unit.ts";
import { rollOut } from "./rollout.ts";
import { parseSettings, type Settings } from "./settings.ts";

const LONGEST_REQUEST_SECONDS = 20;

try {
  await main(parseSettings(process.env));
} catch (error) {
  process.stdout.write(`ocir-broker-daemonset: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 2;
}

async function main(settings: Settings): Promise<void> {
  const { node, image, leaseSeconds } = settings;
  const clock = createSystemClock();
  const nowSeconds = () => clock.monotonicMs() / 1_000;
  const wallMs = () => clock.wallMs();
  const ending = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => ending.abort());
  const print = (line: string) => process.stdout.write(`${line}\n`);
  const say = (text: string) => print(`ocir-broker-daemonset: ${node}: ${text}`);
  const pause = () => pauseAbout(leaseSeconds / 20, ending.signal);

  const config = new KubeConfig();
  config.loadFromCluster(image);
  const requestMs = Math.min(leaseSeconds / 10, LONGEST_REQUEST_SECONDS) * 1_000;
  const cluster = createCluster(config, { ...settings, wallMs, deadline: () => AbortSignal.timeout(requestMs) });
  const lease = createNodeLease({ cluster, node, leaseSeconds, nowSeconds, wallMs, say });
  const unit = createKubeletUnit(`${image}/status/kubelet-need`);
  const restart = {
    cluster,
    unit,
    waitSeconds: leaseSeconds / 3,
    nowSeconds,
    say,
    showFailed: createFailureMetric("/run"),
    async pause() {
      // Shorter, because only one node waits like this, and it is cordoned meanwhile.
      await pauseAbout(Math.max(1, leaseSeconds / 180), ending.signal);
      // A failure of the API server ends neither the wait nor the restart.
      await lease.take().catch(() => undefined);
    },
  };
  await rollOut({
    node,
    leaseSeconds,
    cluster,
    lease,
    installation: createInstallation({
      image,
      leaseSeconds,
      serviceAccounts: settings.serviceAccounts,
      settings: `kubelet.restart=${settings.kubeletRestart} service-accounts=${settings.serviceAccounts ?? ""}`,
      say: print,
    }),
    restartKubelet: settings.kubeletRestart === "never" ? undefined : (need) => restartKubelet(need, restart),
    ending: ending.signal,
    nowSeconds,
    pause,
    setReady: (ready) =>
      ready ? writeFileSync(`${image}/status/ready`, "") : rmSync(`${image}/status/ready`, { force: true }),
    say,
  });
}

/** Waits for half to all of the time, so that nodes that start together drift apart. An abort of `ending` ends the current wait only. */
function pauseAbout(seconds: number, ending: AbortSignal): Promise<void> {
  const delayMs = (seconds / 2) * (1 + systemRandom()) * 1_000;
  return new Promise((resolve) => {
    const timer = setTimeout(done, delayMs);
    if (!ending.aborted) ending.addEventListener("abort", done, { once: true });
    function done(): void {
      clearTimeout(timer);
      ending.removeEventListener("abort", done);
      resolve();
    }
  });
}
