/**
 * The DaemonSet's program. enter-node starts it in the node's mount namespace with the image's Node, so it sees the node's files
 * and programs. It exits with 0 when the node's work is complete, or after SIGTERM.
 */
import { rmSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { systemRandom } from "@ocir-broker/foundation/random";
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { createApiServer, podAccess } from "@ocir-broker/kubernetes/api-server";
import { createLease } from "@ocir-broker/kubernetes/lease";
import { logLine, type Say } from "@ocir-broker/kubernetes/log-line";
import { createNodeCluster } from "./cluster.ts";
import { createFailureMetric } from "./failure-metric.ts";
import { restartKubelet } from "./kubelet-restart.ts";
import { createNodeProgram } from "./node-program.ts";
import { createInstallWork, createRemoveWork } from "./node-work.ts";
import { rollOut } from "./rollout.ts";
import { parseSettings, type Settings } from "./settings.ts";

/** The Lease's name in the manifest. */
const LEASE = "ocir-broker";
const LONGEST_REQUEST_SECONDS = 20;

const clock = createSystemClock();

try {
  await main(parseSettings(process.env));
} catch (error) {
  process.stdout.write(logLine("fatal", clock.wallMs(), error instanceof Error ? error.message : String(error)));
  process.exitCode = 2;
}

async function main(settings: Settings): Promise<void> {
  const { node, image, leaseSeconds, namespace } = settings;
  const ending = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => ending.abort());
  const say: Say = (text, level = "info") => void process.stdout.write(logLine(level, clock.wallMs(), text, { node }));
  const pause = (isOver?: AbortSignal) => pauseAbout(leaseSeconds / 20, [ending.signal, ...(isOver ? [isOver] : [])]);

  const api = createApiServer(podAccess(process.env, image));
  const requestMs = Math.min(leaseSeconds / 10, LONGEST_REQUEST_SECONDS) * 1_000;
  const deadline = () => AbortSignal.timeout(requestMs);
  const cluster = createNodeCluster(api, { ...settings, clock, deadline });
  const lease = createLease({ api, namespace, name: LEASE, identity: node, leaseSeconds, clock, deadline, say });
  const idleSeconds = leaseSeconds / 5;
  const program = createNodeProgram({ ...settings, say });
  const restart = {
    cluster,
    program,
    idleSeconds,
    readySeconds: leaseSeconds / 3,
    clock,
    say,
    showFailed: createFailureMetric("/run"),
    async pause() {
      // Shorter, because only one node waits like this, and it is cordoned meanwhile.
      await pauseAbout(Math.max(1, leaseSeconds / 180), [ending.signal]);
      // A failure of the API server ends neither the wait nor the restart.
      await lease.take().catch(() => undefined);
    },
  };
  const work = { program, say, mayRestart: settings.kubeletRestart === "whenIdle" };
  await rollOut({
    ...{ node, revision: settings.revision, leaseSeconds, idleSeconds },
    cluster,
    lease,
    program,
    work: settings.mode === "install" ? createInstallWork(work) : createRemoveWork(work),
    ending: ending.signal,
    restart: (plan, tries) => restartKubelet(plan, tries, restart),
    clock,
    pause,
    setReady: (ready) =>
      ready ? writeFileSync(`${image}/status/ready`, "") : rmSync(`${image}/status/ready`, { force: true }),
    say,
  });
}

/** Waits for half to all of the time, so that nodes that start together drift apart. An abort ends the current wait only. */
async function pauseAbout(seconds: number, signals: readonly AbortSignal[]): Promise<void> {
  const signal = AbortSignal.any(signals.filter(({ aborted }) => !aborted));
  await setTimeout((seconds / 2) * (1 + systemRandom()) * 1_000, undefined, { signal }).catch(() => undefined);
}
