/** Prints what the kubelet needs, as lines for people. Each one, done exactly, leaves a kubelet that starts. */
import type { FlagsReason, KubeletFiles, KubeletLack, KubeletNeed } from "@ocir-broker/protocol/node-result";
import type { KubeletUse } from "./kubelet-need.ts";
import { flagsToAdd } from "./kubelet-unit.ts";

const RESTART = "systemctl daemon-reload && systemctl restart kubelet (running containers stay)";
/** A unit that failed too often is started only after a reset. */
const START = "systemctl daemon-reload; systemctl reset-failed kubelet; systemctl restart kubelet";

const NO_FLAGS = { config: undefined, binDir: undefined };

const REASONS: Readonly<Record<FlagsReason, string>> = {
  none: "it does not use ocir-broker yet",
  one: "its unit has only one of the two flags, and it does not start with one",
  lost: "the flags that were added to its unit are gone, for example because a second oke bootstrap has written the file",
};

export function kubeletAdvice(need: KubeletNeed, paths: KubeletFiles): string[] {
  const lines = need.isStopped ? ["it does not run", ...linesFor(need, paths)] : linesFor(need, paths);
  return lines.map((line) => `kubelet: ${line}`);
}

/** After what the kubelet has read was removed. @param hadFlags whether its flags were removed too. */
export function removalAdvice({ process, unitHas, lack }: KubeletUse, hadFlags: boolean): string[] {
  const starts = unitHas === "none" || (unitHas === "these" && (lack === undefined || lack.kind === "entry"));
  if (process?.has !== "these" || (process.hasRead && (!hadFlags || (unitHas === "these" && starts)))) return [];
  return starts
    ? [`kubelet: restart it when convenient, because it still uses what was removed: ${RESTART}`]
    : ["kubelet: do not restart it before you correct its flags (see systemctl cat kubelet): it may not start"];
}

function linesFor(need: KubeletNeed, paths: KubeletFiles): string[] {
  const { isStopped } = need;
  const thenRestart = isStopped ? `then start it: ${START}` : `then restart it when convenient: ${RESTART}`;
  switch (need.kind) {
    case "nothing":
      return [`nothing to do: it has the flags, and has read ${paths.config} as it is`];
    case "outdated":
      return [`${paths.config} or the plugin is not as ocir-broker writes it: run: ocir-broker node connect`];
    case "connect":
      return [lackLine(need.lack, paths)];
    case "restart":
      if (isStopped) return [`its unit has the flags, and it starts with ${paths.config}: ${START}`];
      return need.because === "configuration"
        ? [`restart it when convenient, because ${paths.config} has changed since it was read: ${RESTART}`]
        : [`its unit has the flags, but it was started without them: restart it when convenient: ${RESTART}`];
    case "by-hand":
      return [
        need.why === "others"
          ? "its flags name other files: correct its command line (see systemctl cat kubelet) to"
          : `${REASONS[need.why]}: add to its command line (see systemctl cat kubelet):`,
        `  ${flagsToAdd(NO_FLAGS, paths)}`,
        isStopped ? "then start it" : thenRestart,
      ];
    case "flags": {
      const { file, at, line } = need.change;
      const reason = REASONS[need.why];
      if (need.why === "lost") return [`${reason}. To add them again, run: ocir-broker node connect --kubelet-flags`];
      const how =
        at === undefined
          ? [`${reason}: create ${file} with these two lines:`, "  [Service]"]
          : [`${reason}: in ${file} change the line with KUBELET_EXTRA_ARGS to`];
      return [...how, `  ${line}`, thenRestart];
    }
  }
}

function lackLine(lack: KubeletLack, { config }: KubeletFiles): string {
  switch (lack.kind) {
    case "file":
      return `it does not start with flags that name ${config}, which does not exist: run: ocir-broker node connect`;
    case "connection":
      return "it is not connected: run: ocir-broker node connect";
    case "entry":
      return `it does not use ocir-broker, because ${config} has no entry for it: run: ocir-broker node connect`;
    case "unclear":
      return `it may start, but ocir-broker cannot read its configuration: ${lack.reason}; then run: ocir-broker node connect`;
    case "error":
      return `it would not start with ${config}, so do not restart it: ${lack.reason}; then run: ocir-broker node connect`;
  }
}
