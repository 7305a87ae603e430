/**
 * The DaemonSet's program. enter-node starts it in the node's mount namespace with the image's Node, so it sees the node's files
 * and programs. It exits with 0 when the node's work is complete, or after SIGTERM.
 */
import { rmSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { systemRandom } from "@ocir-broker/foundation/random";
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { createApiServer, podAccess } from "@ocir-broker/kubernetes/api-server";
import { logLine, type Say } from "@ocir-broker/kubernetes/log-line";
import { createFailureMetric } from "./failure-metric.ts";
import { createNodeProgram } from "./node-program.ts";
import { rollOut } from "./rollout.ts";
import { parseSettings, type Settings } from "./settings.ts";

const LONGEST_REQUEST_SECONDS = 20;

const clock = createSystemClock();

try {
  await main(parseSettings(process.env));
} catch (error) {
  process.stdout.write(logLine("fatal", clock.wallMs(), error instanceof Error ? error.message : String(error)));
  process.exitCode = 2;
}

async function main(settings: Settings): Promise<void> {
  const { node, image, leaseSeconds } = settings;
  const ending = new AbortController();
  process.on("SIGTERM", () => ending.abort());
  const say: Say = (text, level = "info") => void process.stdout.write(logLine(level, clock.wallMs(), text, { node }));
  const requestMs = Math.min(leaseSeconds / 10, LONGEST_REQUEST_SECONDS) * 1_000;
  await rollOut({
    settings,
    api: createApiServer(podAccess(process.env, image)),
    program: createNodeProgram({ ...settings, say }),
    clock,
    deadline: () => AbortSignal.timeout(requestMs),
    pause: pauseAbout,
    ending: ending.signal,
    showFailed: createFailureMetric("/run"),
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
