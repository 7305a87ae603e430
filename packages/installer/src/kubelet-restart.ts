/**
 * `node connect|disconnect --kubelet-flags --restart`: restarts the kubelet after the change of its flags, and watches whether it runs.
 * If it does not run with flags that were just added, they are taken back and it is restarted once more. Never waits for systemd,
 * because this may run in cloud-init, and the kubelet may be ordered after that.
 */
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { sleep } from "@ocir-broker/foundation/time/sleep";
import { kubeletNeed, readKubeletUse } from "@ocir-broker/node/kubelet-need";
import { isSuccess } from "@ocir-broker/node/program-run";
import type { KubeletFiles, NodeResult } from "@ocir-broker/protocol/node-result";
import { connectNode, disconnectNode } from "./commands/connect.ts";
import type { InstallErrorCode } from "./install-error.ts";
import { type ConnectOptions, readKubeletPaths } from "./kubelet/kubelet-paths.ts";
import type { NodeContext } from "./system/node-context.ts";

export interface RestartOptions {
  readonly limitSeconds: number;
  /** Ends the wait as the limit does. */
  readonly signal: AbortSignal;
}

/** What a restart uses of the node. */
export interface RestartTools {
  readonly clock: Clock;
  /** The output; undefined if it fails. */
  systemctl(...args: string[]): Promise<string | undefined>;
  connect(): Promise<NodeResult>;
  disconnect(): Promise<NodeResult>;
  /** Whether the kubelet's process has the flags, and has read its configuration as it is. */
  usesFlags(files: KubeletFiles): Promise<boolean>;
  /** Whether its process has our flags, and its next start does not get them. */
  keepsFlags(): Promise<boolean>;
}

export const LIMIT_SECONDS = 100;

/** A kubelet that runs for this time has started; with a short limit, for this share of it. */
const STEADY_SECONDS = 30;
const STEADY_SHARE = 0.3;

const POLL_MS = 2_000;
/** A daemon-reload of a node that boots. */
const SYSTEMCTL_LIMIT_MS = 60_000;

/** `waits`: systemd has not started it yet. */
type Watched = "runs" | "fails" | "waits";

export function connectAndRestart(
  context: NodeContext,
  options: ConnectOptions,
  restart: RestartOptions,
): Promise<NodeResult> {
  return restartWithFlags(toolsOf(context, restart.signal, options), restart);
}

export function disconnectAndRestart(context: NodeContext, restart: RestartOptions): Promise<NodeResult> {
  return restartWithoutFlags(toolsOf(context, restart.signal, {}), restart);
}

/** Fails with `kubelet-restart` if the flags are taken back, and with `kubelet-unseen` if they stay. */
export async function restartWithFlags(tools: RestartTools, options: RestartOptions): Promise<NodeResult> {
  const result = await tools.connect();
  const { flags, kubelet } = result;
  if (!result.ok || flags === undefined || kubelet?.kind === "nothing") return result;
  const watched = await restartAndWatch(tools, options, () => tools.usesFlags(flags));
  if (watched === "runs") return { ...result, kubelet: { kind: "nothing" } };
  if (watched === "waits") return failed(result, "kubelet-unseen", `${WAITS}, so its flags stay`);
  const seen = `the kubelet was not seen to run with its flags within ${options.limitSeconds} s`;
  if (!hasChangedFlags(result)) return failed(result, "kubelet-unseen", `${seen}; they were there before, and stay`);
  const { ok, reason } = await tools.disconnect();
  if (!ok) return failed(result, "kubelet-unseen", `${seen}, and they cannot be taken back: ${reason}`);
  await restart(tools);
  return failed(result, "kubelet-restart", `${seen}: they are taken back, and it is restarted without them`);
}

/** Fails with `kubelet-unseen` if the kubelet is not seen to run afterwards. */
export async function restartWithoutFlags(tools: RestartTools, options: RestartOptions): Promise<NodeResult> {
  const result = await tools.disconnect();
  if (!result.ok || !(hasChangedFlags(result) || (await tools.keepsFlags()))) return result;
  const watched = await restartAndWatch(tools, options, async () => true);
  if (watched === "runs") return result;
  const seen = `the kubelet was not seen to run without its flags within ${options.limitSeconds} s`;
  return failed(result, "kubelet-unseen", watched === "waits" ? WAITS : seen);
}

const WAITS = "systemd has not restarted the kubelet yet (systemctl list-jobs)";

function failed(result: NodeResult, code: InstallErrorCode, what: string): NodeResult {
  return { ...result, ok: false, code, reason: `${what}: journalctl -u kubelet` };
}

function hasChangedFlags({ steps }: NodeResult): boolean {
  return steps.some(({ name, state }) => name === "kubelet-flags" && state === "done");
}

/** @param isRight whether the process is as it should be. */
async function restartAndWatch(
  tools: RestartTools,
  { limitSeconds, signal }: RestartOptions,
  isRight: () => Promise<boolean>,
): Promise<Watched> {
  const { clock } = tools;
  const before = await readProcess(tools);
  if (!(await restart(tools))) return "fails";
  const steadyMs = Math.min(STEADY_SECONDS, STEADY_SHARE * limitSeconds) * 1_000;
  const endMs = clock.monotonicMs() + limitSeconds * 1_000;
  let latest = before;
  let steady: { readonly start: string; readonly sinceMs: number } | undefined;
  while (clock.monotonicMs() < endMs && !signal.aborted) {
    await sleep(POLL_MS, clock);
    latest = (await readProcess(tools)) ?? latest;
    if (latest === undefined || !latest.isRunning || latest.start === before?.start || !(await isRight())) {
      steady = undefined;
      continue;
    }
    const nowMs = clock.monotonicMs();
    if (steady?.start !== latest.start) steady = { start: latest.start, sinceMs: nowMs };
    if (nowMs - steady.sinceMs >= steadyMs) return "runs";
  }
  return latest?.start === before?.start ? "waits" : "fails";
}

/** @returns whether systemd accepts it. */
async function restart({ systemctl }: RestartTools): Promise<boolean> {
  await systemctl("daemon-reload");
  // A kubelet that has failed often is not started again otherwise.
  await systemctl("reset-failed", "kubelet.service");
  return (await systemctl("--no-block", "restart", "kubelet.service")) !== undefined;
}

/** Each start of a process has another time. */
async function readProcess({ systemctl }: RestartTools): Promise<{ start: string; isRunning: boolean } | undefined> {
  const properties = "--property=MainPID,ExecMainStartTimestampMonotonic";
  const shown = await systemctl("show", properties, "kubelet.service");
  const start = /^ExecMainStartTimestampMonotonic=(\d+)$/m.exec(shown ?? "")?.[1];
  return start === undefined ? undefined : { start, isRunning: !/^MainPID=0$/m.test(shown ?? "") };
}

function toolsOf(context: NodeContext, signal: AbortSignal, options: ConnectOptions): RestartTools {
  const { files, runProgram, clock } = context;
  return {
    clock,
    async systemctl(...args) {
      const result = await runProgram({ path: "systemctl", args, limitMs: SYSTEMCTL_LIMIT_MS });
      return isSuccess(result) ? result.stdout : undefined;
    },
    connect: () => connectNode(context, signal, { ...options, kubeletFlags: true }),
    // A signal that has ended the wait must not prevent it.
    disconnect: () => disconnectNode(context, new AbortController().signal, { isOnlyFlags: true }),
    usesFlags: async (paths) => kubeletNeed(await readKubeletUse(paths, files, runProgram)).kind === "nothing",
    async keepsFlags() {
      const { process, unitHas } = await readKubeletUse(await readKubeletPaths(context), files, runProgram);
      return process?.has === "these" && unitHas === "none";
    },
  };
}
