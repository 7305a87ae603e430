/** Decides what the kubelet needs to use ocir-broker, from one reading of the node as it is now. */
import { bootedAtMs } from "@ocir-broker/foundation/time/clock";
import { isConfigName } from "@ocir-broker/kubelet-config/reading/decode";
import { PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import type { FlagsReason, KubeletFiles, KubeletLack, KubeletNeed } from "@ocir-broker/protocol/node-result";
import { lackOf } from "./config-lack.ts";
import { flagsIn, minorOfInstalled } from "./kubelet.ts";
import { type KubeletFlags, type KubeletUnit, lineWithFlags, readKubeletUnit, unitFlags } from "./kubelet-unit.ts";
import { type NodeFiles, pathsIn, textOf } from "./node-files.ts";
import { findKubelet, type ServiceProcess } from "./node-service.ts";
import type { RunProgram } from "./program-run.ts";

export interface KubeletUse {
  readonly paths: KubeletFiles;
  /** `unused`: in a variable that its command line does not use. `hasRead`: it has started after the last change of its configuration. */
  readonly process: { readonly has: FlagsState | "unused"; readonly hasRead: boolean } | undefined;
  readonly unit: KubeletUnit;
  /** Of the kubelet's next start. */
  readonly unitHas: FlagsState;
  /** Undefined if it would start with its configuration; not examined if it has and can call the plugin. */
  readonly lack: KubeletLack | undefined;
}

/** Whether the two flags name these files or others. A kubelet with only one of the two does not start. */
type FlagsState = "these" | "others" | "one" | "none";

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
  const unit = readKubeletUnit(files);
  const found = await findKubelet(files, runProgram);
  const startedAtMs = found && startOf(textOf(files.readText(`/proc/${found.pid}/stat`)) ?? "", bootMs);
  const process =
    found !== undefined && startedAtMs !== undefined
      ? {
          has: stateOfProcess(found, paths, files),
          // The kubelet looks for the plugin at each call, but reads the configuration only once.
          hasRead: (lastChange(files, paths.config) ?? Infinity) <= startedAtMs + PRECISION_MS,
        }
      : undefined;
  const canCall = files.isExecutable(files.resolve(`${paths.binDir}/${PLUGIN_NAME}`));
  const runsWithIt = process?.has === "these" && process.hasRead && canCall;
  const minor = runsWithIt ? undefined : await minorOfInstalled(files, runProgram);
  return {
    paths,
    process,
    unit,
    unitHas: stateOf(unitFlags(unit), paths, files),
    lack: runsWithIt ? undefined : lackOf(paths, files, minor),
  };
}

/** @param hadFlags whether flags were added to a file of the unit. */
export function kubeletNeed(use: KubeletUse, hadFlags = false): KubeletNeed {
  const step = stepOf(use, hadFlags);
  return use.process === undefined ? { ...step, isStopped: true } : step;
}

function stepOf({ paths, process, unit, unitHas, lack }: KubeletUse, hadFlags: boolean): KubeletNeed {
  const why = flagsReason(unitHas, hadFlags);
  const change = lineWithFlags(unit, paths);
  // A kubelet that has flags which its unit lacks may have them from elsewhere, or from the unit as it was.
  const isElsewhere = process?.has === "these" && why === "none" && (process.hasRead || change === undefined);
  if (lack?.kind === "file" && unitHas === "none" && !isElsewhere)
    return { kind: "connect", lack: { kind: "connection" } };
  if (lack !== undefined) return { kind: "connect", lack };
  if (process?.has === "these" && (why === undefined || isElsewhere)) {
    if (process.hasRead) return { kind: "nothing" };
    return unitHas === "others" ? { kind: "by-hand", why: "others" } : { kind: "restart", because: "configuration" };
  }
  if (process?.has === "others" || unitHas === "others") return { kind: "by-hand", why: "others" };
  if (why === undefined)
    return process?.has === "unused" ? { kind: "by-hand", why: "none" } : { kind: "restart", because: "flags" };
  return change === undefined ? { kind: "by-hand", why } : { kind: "flags", change, why };
}

function flagsReason(unitHas: FlagsState, hadFlags: boolean): FlagsReason | undefined {
  if (unitHas === "these" || unitHas === "others") return undefined;
  return hadFlags ? "lost" : unitHas;
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

function stateOfProcess({ pid, args }: ServiceProcess, paths: KubeletFiles, files: NodeFiles): FlagsState | "unused" {
  const has = stateOf(flagsIn(args), paths, files);
  const text = textOf(files.readText(`/proc/${pid}/environ`))?.replaceAll("\0", "\n") ?? "";
  const inVariables = unitFlags({ parts: [], variables: [{ path: "", text }] });
  return has === "none" && stateOf(inVariables, paths, files) === "these" ? "unused" : has;
}

function stateOf({ config, binDir }: KubeletFlags, paths: KubeletFiles, files: NodeFiles): FlagsState {
  if (config === undefined || binDir === undefined) return config === binDir ? "none" : "one";
  return isSame(config, paths.config, files) && isSame(binDir, paths.binDir, files) ? "these" : "others";
}

function isSame(path: string, other: string, files: NodeFiles): boolean {
  return files.isSame(path, other) ?? path.replace(/\/$/, "") === other.replace(/\/$/, "");
}
