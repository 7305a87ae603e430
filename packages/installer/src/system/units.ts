/** The units of ocir-broker: enabled, started, stopped, masked. In an image build no systemd runs, and only links are made. */
import { basename, join } from "node:path";
import { sleep } from "@ocir-broker/foundation/time/sleep";
import { isSuccess } from "@ocir-broker/node/program-run";
import { CURRENT } from "../installed-files.ts";
import { isDisabled, type NodeContext } from "./node-context.ts";

const SERVICE = "ocir-broker.service";
const SOCKET = "ocir-broker.socket";
const HEALTH_SOCKET = "ocir-broker-health.socket";
const ALL = [SERVICE, SOCKET, HEALTH_SOCKET];

/** Longer than the unit's TimeoutStartSec= and TimeoutStopSec= together. */
const LIMIT_MS = 90_000;

const CALLS_MS = 1_000;

const RESULT_ATTEMPTS = 20;
const RESULT_PAUSE_MS = 50;

/** The last start begins before this time: a version that needs more memory than its unit permits is killed each time. */
const STARTS_MS = 30_000;
const START_ATTEMPTS = 20;

/** Something else has killed the process, for example the kernel for want of memory. */
const KILLED = /^Result=(?:oom-kill|signal, .*ExecMainStatus=9$)/;

export type Units = ReturnType<typeof createUnits>;

export function createUnits(node: NodeContext) {
  const { runProgram, disk, files, say } = node;
  const isRunning = disk.isThere("/run/systemd/system");

  async function systemctl(...args: string[]): Promise<string | undefined> {
    const result = await runProgram({ path: "systemctl", args, limitMs: LIMIT_MS });
    return isSuccess(result) ? result.stdout : undefined;
  }

  /** A failure is reported and does not end the run. @returns whether it succeeds. */
  async function tell(...args: string[]): Promise<boolean> {
    const isDone = (await systemctl(...args)) !== undefined;
    if (!isDone) say(`systemctl ${args.join(" ")} failed: see journalctl -u ${SERVICE}`);
    return isDone;
  }

  /** An upgrade replaces the program's file, and a running process keeps the old one. */
  async function runsInstalledProgram(): Promise<boolean> {
    const pid = (await systemctl("show", "--value", "--property=MainPID", SERVICE))?.trim();
    if (pid === undefined || pid === "0") return false;
    const exe = files.readLink(`/proc/${pid}/exe`);
    // Of a file that was replaced, the name ends with " (deleted)".
    return "value" in exe && files.isSame(`/proc/${pid}/exe`, join(CURRENT, basename(exe.value))) === true;
  }

  /** systemd starts the service again and again, and the result is that of the last start that has ended. */
  async function resultOfStart(): Promise<string> {
    let shown: string | undefined;
    for (let attempt = 1; attempt <= RESULT_ATTEMPTS; attempt += 1) {
      shown = await systemctl("show", "--property=Result,ExecMainCode,ExecMainStatus", SERVICE);
      if (shown === undefined || !shown.includes("Result=success")) break;
      await sleep(RESULT_PAUSE_MS, node.clock);
    }
    return (shown ?? "no response from systemd").trim().replaceAll("\n", ", ");
  }

  /** Whether systemd has started the service again, or does so now. If its unit cannot be loaded, the old process still runs. */
  async function isStarted(): Promise<boolean> {
    const shown = (await systemctl("show", "--property=LoadState,ActiveState", SERVICE)) ?? "";
    return shown.includes("LoadState=loaded") && shown.includes("ActiveState=activ");
  }

  const isEnabled = async (): Promise<boolean> => (await systemctl("is-enabled", SERVICE)) !== undefined;

  const tellRunning = async (...args: string[]): Promise<boolean> => !isRunning || tell(...args);

  return {
    reload: () => tellRunning("daemon-reload"),
    isEnabled,
    /** Called at the first installation only, because an administrator may disable the units later. */
    enable: () => tell("--quiet", "enable", SERVICE, SOCKET),
    /** Stops first: systemd deletes the folder with the daemon's tokens only while it knows the unit. */
    async mask(): Promise<void> {
      await tellRunning("stop", ...ALL);
      await tell("--quiet", "mask", ...ALL);
    },
    unmask: () => tell("--quiet", "unmask", ...ALL),
    start: () => tellRunning("start", SOCKET, SERVICE),
    /** After the kubelet's plugin is replaced: it may have been started just before, and gets time to connect to the socket. */
    async disable(): Promise<void> {
      if (isRunning) await sleep(CALLS_MS, node.clock);
      await tell("--quiet", "disable", ...(isRunning ? ["--now"] : []), SOCKET, SERVICE);
      await tellRunning("stop", HEALTH_SOCKET);
      // A unit that was stopped during its start has failed.
      await systemctl("reset-failed", ...ALL);
    },
    /** Whether the service should run: it does, or it is enabled and ocir-broker is not switched off. */
    async isWanted(): Promise<boolean> {
      if (!isRunning || isDisabled(node)) return false;
      return (await isEnabled()) || (await systemctl("is-active", SERVICE)) !== undefined;
    },
    /**
     * Starts the service, or restarts it if it runs another program or `isChanged`. The credentials socket stays open: calls made
     * during the restart wait in its queue.
     *
     * @returns why it failed.
     */
    async bringUp({ isChanged }: { readonly isChanged: boolean }): Promise<string | undefined> {
      if ((await systemctl("is-enabled", SOCKET)) !== undefined) await systemctl("start", SOCKET);
      let verb = isChanged || !(await runsInstalledProgram()) ? "restart" : "start";
      let result = "";
      const endMs = node.clock.monotonicMs() + STARTS_MS;
      for (let attempt = 1; attempt <= START_ATTEMPTS && node.clock.monotonicMs() < endMs; attempt += 1) {
        if ((await systemctl(verb, SERVICE)) !== undefined) return undefined;
        result = await resultOfStart();
        if (!KILLED.test(result) && !(result.startsWith("Result=success") && (await isStarted()))) break;
        verb = "start";
      }
      return `${SERVICE} does not start (${result})`;
    },
    /** Restarts the service after a change of its configuration. */
    async restartIfActive(): Promise<void> {
      if (isRunning && !isDisabled(node)) await tell("try-restart", SERVICE);
    },
  };
}
