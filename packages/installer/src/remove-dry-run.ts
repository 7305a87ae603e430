/** A removal, or the rollback of an unfinished run, in words. Changes nothing. */
import { packageOwner } from "./install.ts";
import {
  brokerSteps,
  configSteps,
  flagSteps,
  isPluginNeeded,
  kubeletPluginSteps,
  readKubeletNames,
} from "./kubelet/disconnect.ts";
import { withTexts } from "./kubelet/with-texts.ts";
import { createNodeRun } from "./node-run.ts";
import { filesWithOurNames, recognise } from "./recognise.ts";
import { DOUBTFUL, LAST, LAST_LINK, lastLinkSteps, pluginSteps, programSteps, SYSTEM, UNKNOWN } from "./remove.ts";
import type { Disk } from "./run/disk.ts";
import { type InstallationRecord, isFromArchive, originalText } from "./run/record.ts";
import { adopt } from "./run/run.ts";
import type { RestoreStep } from "./run/step.ts";
import { outcomeOf, restorationOf } from "./run/undo.ts";
import type { NodeContext } from "./system/node-context.ts";

export async function describeRemoval(context: NodeContext, isUnfinished: boolean): Promise<string> {
  const node = createNodeRun(context);
  const { disk } = node;
  const { files, doubtful } = await recognise(node);
  adopt(node, files);
  const { record } = node;
  const rolledBack = Object.keys(record.pending?.files ?? {});
  const rollBack = rolledBack.map((path) => `rollback: ${path}: as before the run that was interrupted\n`).join("");
  if (isUnfinished) return rollBack || "no run was interrupted\n";
  const told = (steps: readonly RestoreStep[]): string => steps.map((step) => outcomeIn(disk, record, step)).join("");
  const flags = flagSteps(record);
  const withoutFlags = filesAfter(node, record, flags);
  const names = await readKubeletNames({ ...node, files: withoutFlags }, flags.length > 0 && node.isRecorded);
  const configs = configSteps(record, { names, files: withoutFlags });
  const view = { names, files: filesAfter({ disk, files: withoutFlags }, record, configs) };
  const isArchive = isFromArchive(record);
  const isPackage = isArchive && (await packageOwner(node)) !== undefined;
  return [
    rollBack,
    told([...flags, ...configs, ...brokerSteps(record), ...kubeletPluginSteps(record, view)]),
    told(pluginSteps(disk, (path) => isPluginNeeded(path, view))),
    `${SYSTEM.name}: ${SYSTEM.changes}\n`,
    told([
      ...lastLinkSteps(record),
      ...(isPackage ? [] : programSteps(record)),
      LAST_LINK,
      ...(isPackage ? [] : LAST).map((path) => ({ name: "programs", path })),
    ]),
    ...(isArchive && !isPackage ? filesWithOurNames(node, Object.keys(record.files)) : []).map(
      (path) => `programs: ${path}: stays: ${UNKNOWN}\n`,
    ),
    ...(node.isRecorded ? [] : doubtful).map((path) => `kubelet-configuration: ${path}: stays: ${DOUBTFUL}\n`),
  ].join("");
}

function outcomeIn(disk: Disk, record: InstallationRecord, step: RestoreStep): string {
  const outcome = outcomeOf({ disk, record }, step);
  if (outcome.kind === "unknown") return "";
  const what =
    outcome.kind === "restored"
      ? restorationOf(outcome.entry)
      : `stays: ${outcome.kind === "stays" ? outcome.instead.why : outcome.why}`;
  return `${step.name}: ${step.path}: ${what}\n`;
}

/** The files as they will be after these steps. */
function filesAfter(
  { disk, files }: Pick<NodeContext, "disk" | "files">,
  record: InstallationRecord,
  steps: readonly RestoreStep[],
): NodeContext["files"] {
  const texts = steps.flatMap((step): [string, string | undefined][] => {
    const outcome = outcomeOf({ disk, record }, step);
    return outcome.kind === "restored" ? [[step.path, originalText(disk, outcome.entry)]] : [];
  });
  return withTexts(files, new Map(texts));
}
