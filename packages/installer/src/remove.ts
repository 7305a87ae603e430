/**
 * Takes ocir-broker off the node, the other way round: the kubelet's calls leave our plugin first, the programs go last. Each path is
 * restored by itself, so a removal that was killed is completed by the next one.
 */
import { sleep } from "@ocir-broker/foundation/time/sleep";
import type { NodeResult } from "@ocir-broker/protocol/node-result";
import type { Disk } from "./disk.ts";
import { InstallError } from "./install-error.ts";
import {
  COMMAND_LINKS,
  DO_NOTHING_PROGRAM,
  LIBEXEC,
  PLUGIN_LINKS,
  PROGRAM,
  RUNTIME_FOLDERS,
} from "./installed-files.ts";
import { disconnectionOf, restoreFlags } from "./kubelet/connection.ts";
import { isDisabled, type NodeContext } from "./node-context.ts";
import type { NodeRun } from "./node-run.ts";
import { clearDisabled } from "./off-switch.ts";
import { RECORD } from "./record.ts";
import { stateIfAny } from "./run-state.ts";
import type { Content, RestoreStep } from "./step.ts";

const DOCUMENTATION = "/usr/share/doc/ocir-broker";
/** The kubelet may have started our plugin just before it was replaced: time to connect to the daemon's socket. */
const CALLS_MS = 1_000;
const PLUGIN_STAYS = `the kubelet still names it, so a program that answers "no credentials" is there now: remove the plugin from the kubelet's flags, restart the kubelet, then delete it`;

/** @throws {InstallError} `restore` if a file cannot be restored; the others are. */
export async function disconnect(
  node: NodeContext,
  { run, units }: NodeRun,
  { isOnlyFlags }: { readonly isOnlyFlags: boolean },
): Promise<void> {
  const flags = await restoreFlags(node, run, units);
  const isRestored =
    isOnlyFlags || (await run.restoreAll((await disconnectionOf(node, units, run.record(), flags)).steps));
  run.finishRestoring({ isRemoved: false });
  if (!isRestored || !flags.areRestored) throw notRestored("disconnect it again");
}

/** @throws {InstallError} `restore` if a file cannot be restored; the others are, and the programs stay. */
export async function remove(node: NodeContext, { run, units }: NodeRun): Promise<void> {
  const { disk } = node;
  const flags = await restoreFlags(node, run, units);
  const { steps, needsPlugin } = await disconnectionOf(node, units, run.record(), flags);
  const plugins = Object.keys(PLUGIN_LINKS)
    .toReversed()
    .map((path) => restoreStep("plugin", path, needsPlugin(path) ? doNothing(disk, path) : undefined));
  const isDisconnected = await run.restoreAll([...steps, ...plugins]);
  if (units.isRunning) await sleep(CALLS_MS, node.clock);
  if (isDisabled(node)) await clearDisabled(node, units);
  await units.disable();
  const commands = Object.keys(COMMAND_LINKS).toReversed();
  const isRestored = await run.restoreAll(commands.map((path) => restoreStep("commands", path)));
  for (const folder of RUNTIME_FOLDERS) disk.clear(folder);
  if (!flags.areRestored || !isDisconnected || !isRestored) {
    run.finishRestoring({ isRemoved: false });
    throw notRestored("remove ocir-broker again");
  }
  const programs = run.programs();
  // The program itself goes last, so that a removal can be run again.
  const others = programs.filter((path) => path !== PROGRAM);
  await run.restoreAll([...others, PROGRAM].map((path) => restoreStep("programs", path)));
  if (programs.length > 0) for (const folder of [DOCUMENTATION, LIBEXEC]) disk.clear(folder);
  run.finishRestoring({ isRemoved: true });
  await units.reload();
}

/** For a record that cannot be read: what a person must look at. */
export function leftWithoutRecord({ disk }: NodeContext): NonNullable<NodeResult["left"]> {
  const why = `${RECORD} does not say what was there before`;
  return [LIBEXEC, ...Object.keys(COMMAND_LINKS), ...Object.keys(PLUGIN_LINKS)]
    .filter(disk.isThere)
    .map((path) => ({ path, why }));
}

function restoreStep(name: string, path: string, instead?: RestoreStep["instead"]): RestoreStep {
  return {
    kind: "restore",
    name,
    path,
    describe: { changes: `${path}: as it was before`, check: "nobody else has changed it", undo: "install again" },
    ...(instead === undefined ? {} : { instead }),
  };
}

/** A removal that was killed may have put the program at the path already, and removed it from our folder. */
function doNothing(disk: Disk, path: string): RestoreStep["instead"] {
  const from = [DO_NOTHING_PROGRAM, path].find((name) => stateIfAny(disk, name)?.startsWith("file:"));
  if (from === undefined) return undefined;
  const content: Content = { kind: "copy", from: disk.at(from), sha256: disk.hashOf(from), mode: 0o755 };
  return { content, why: PLUGIN_STAYS };
}

function notRestored(next: string): InstallError {
  return new InstallError("restore", `not everything is restored: correct the errors above, and ${next}`);
}
