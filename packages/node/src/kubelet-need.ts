/** What the running kubelet needs to use ocir-broker, once its configuration has our credential provider. One reading decides. */
import { bootedAtMs } from "@ocir-broker/foundation/time/clock";
import { isConfigName } from "@ocir-broker/kubelet-config/reading/decode";
import type { KubeletFiles, KubeletNeed } from "@ocir-broker/protocol/node-result";
import { flagIn } from "./kubelet.ts";
import {
  BIN_DIRECTORY_FLAG,
  CONFIG_FLAG,
  flagsFor,
  type KubeletUnit,
  lineWithFlags,
  readKubeletUnit,
  setsFlags,
} from "./kubelet-unit.ts";
import { type NodeFiles, pathsIn, textOf } from "./node-files.ts";
import { findKubelet } from "./node-service.ts";
import type { RunProgram } from "./program-run.ts";

export interface KubeletUse {
  readonly paths: KubeletFiles;
  /** Epoch milliseconds of the last change of the configuration; undefined if it is missing. */
  readonly changedAtMs: number | undefined;
  /** Undefined if no kubelet runs. */
  readonly process: KubeletProcess | undefined;
  readonly unit: KubeletUnit;
}

interface KubeletProcess {
  readonly startedAtMs: number;
  /** Whether its two flags name these files, others or none. */
  readonly flags: "these" | "others" | "none";
}

/** The unit of times in /proc/PID/stat, USER_HZ. It is 100 on each architecture that we support. */
const TICK_MS = 10;

/**
 * A kubelet's start and a file's time are both up to 10 ms too early. A kubelet reads its configuration later than
 * that after its start, so it has read a change within this time.
 */
const PRECISION_MS = 10;

/** @param bootMs epoch milliseconds of the boot, by the clock that gives files their times. */
export async function readKubeletUse(
  paths: KubeletFiles,
  files: NodeFiles,
  runProgram: RunProgram,
  bootMs: number = bootedAtMs(),
): Promise<KubeletUse> {
  const found = await findKubelet(files, runProgram);
  const startedAtMs = found && startOf(textOf(files.readText(`/proc/${found.pid}/stat`)) ?? "", bootMs);
  return {
    paths,
    changedAtMs: lastChange(files, paths.config),
    process:
      found !== undefined && startedAtMs !== undefined
        ? { startedAtMs, flags: flagsOf(found.args, paths, files) }
        : undefined,
    unit: readKubeletUnit(files),
  };
}

export function kubeletNeed({ paths, changedAtMs = 0, process, unit }: KubeletUse): KubeletNeed {
  if (process?.flags === "others") return { kind: "by-hand" };
  if (process?.flags === "these") {
    // The kubelet looks for the plugin at each call, but reads the configuration only once.
    const hasRead = changedAtMs <= process.startedAtMs + PRECISION_MS;
    return hasRead ? { kind: "nothing" } : { kind: "restart", because: "configuration" };
  }
  if (setsFlags(unit)) return { kind: "restart", because: "flags" };
  const change = lineWithFlags(unit, paths);
  return change === undefined ? { kind: "by-hand" } : { kind: "flags", change };
}

/** Lines for people. */
export function kubeletAdvice(need: KubeletNeed, paths: KubeletFiles): string[] {
  return linesFor(need, paths).map((line) => `kubelet: ${line}`);
}

const THEN_RESTART =
  "then restart it when convenient: systemctl daemon-reload && systemctl restart kubelet (running containers stay)";

function linesFor(need: KubeletNeed, paths: KubeletFiles): string[] {
  switch (need.kind) {
    case "nothing":
      return [`nothing to do: it has the flags, and has read ${paths.config} as it is`];
    case "restart":
      return need.because === "configuration"
        ? [
            `restart it when convenient, because ${paths.config} has changed since it was read: ` +
              "systemctl restart kubelet (running containers stay)",
          ]
        : ["its unit has the flags, but it was started without them", THEN_RESTART];
    case "by-hand":
      return [
        "it does not use ocir-broker yet: add to its command line, which systemctl cat kubelet shows:",
        `  ${flagsFor(paths)}`,
        THEN_RESTART,
      ];
    case "flags": {
      const { file, at, line } = need.change;
      const how =
        at === undefined
          ? [`it does not use ocir-broker yet: create ${file} with these two lines:`, "  [Service]"]
          : [`it does not use ocir-broker yet: in ${file} change the line with KUBELET_EXTRA_ARGS to`];
      return [...how, `  ${line}`, THEN_RESTART];
    }
  }
}

/** @param stat the text of /proc/PID/stat; the part up to the last parenthesis includes the process's name. */
function startOf(stat: string, bootMs: number): number | undefined {
  const ticks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  return ticks === undefined ? undefined : bootMs + Number(ticks) * TICK_MS;
}

/** A file's status changes at each change of its content, also if its modification time is set to an earlier one. */
function lastChange(files: NodeFiles, config: string): number | undefined {
  const paths = [config, ...pathsIn(config, files).filter(isConfigName)];
  const times = paths.map(files.stat).flatMap((stats) => ("value" in stats ? stats.value.ctimeMs : []));
  return times.length === 0 ? undefined : Math.max(...times);
}

function flagsOf(args: readonly string[], { config, binDir }: KubeletFiles, files: NodeFiles) {
  const [theirConfig, theirBinDir] = [flagIn(args, CONFIG_FLAG), flagIn(args, BIN_DIRECTORY_FLAG)];
  // A kubelet with only one of the two ignores it.
  if (theirConfig === undefined || theirBinDir === undefined) return "none";
  return isSame(theirConfig, config, files) && isSame(theirBinDir, binDir, files) ? "these" : "others";
}

function isSame(path: string, other: string, files: NodeFiles): boolean {
  return files.isSame(path, other) ?? path.replace(/\/$/, "") === other.replace(/\/$/, "");
}
