/**
 * The steps of an installation and of an upgrade. The plugin's links come last: the kubelet's calls go to our plugin only after the
 * daemon has responded.
 */
import { isSuccess } from "@ocir-broker/node/program-run";
import { archiveSteps } from "./archive.ts";
import { InstallError } from "./install-error.ts";
import {
  COMMAND_LINKS,
  CONFIG_FOLDER,
  DO_NOTHING_PROGRAM,
  MANIFEST,
  PLUGIN_LINKS,
  PROGRAM,
  SHIM,
} from "./installed-files.ts";
import type { ConnectOptions } from "./kubelet/kubelet-paths.ts";
import { poolConfigSteps } from "./kubelet/pool-config.ts";
import type { NodeRun } from "./node-run.ts";
import type { ActionUndo, ChangeKind } from "./run/change-kind.ts";
import { changedPaths, isFromArchive } from "./run/record.ts";
import { changedPrograms, forgetPrograms, hasChangedDaemon } from "./run/run.ts";
import { type ActionStep, type FileStep, linkStep, type Step } from "./run/step.ts";
import { restoreAll } from "./run/undo.ts";
import { checkDaemonAnswers } from "./system/daemon-check.ts";
import { isDisabled, type NodeContext } from "./system/node-context.ts";

export interface InstallCommand {
  /** The unpacked archive; undefined if the files are there, from a package or an earlier installation. */
  readonly from: string | undefined;
  /** Also connects the kubelet. A daemon that does not respond then fails the run, even if a package has installed the files. */
  readonly connect: ConnectOptions | undefined;
  /** The configuration of the node's pool; undefined: as it is. */
  readonly given?: string | undefined;
  /** Checks the given configuration; without one, the node's. @throws {Error} */
  readonly checkConfig: (given?: string) => void;
}

const PREPARE_LIMIT_MS = 30_000;

const OWNER_LIMIT_MS = 20_000;
const OWNER_QUERIES = [
  { path: "dpkg", option: "-S", kind: ".deb" },
  { path: "rpm", option: "-qf", kind: ".rpm" },
] as const;

/** @throws {InstallError} `archive`, `package`, `unfinished` */
export async function installSteps(node: NodeRun, { from, given, connect }: InstallCommand): Promise<Step[]> {
  const isLenient = from === undefined && connect === undefined && !isFromArchive(node.record);
  const isFirst = node.record.version === undefined;
  // A rollback must not disable units that were enabled before this run.
  const undo = isFirst && !(await node.units.isEnabled()) ? "disable-units" : "restart-daemon";
  if (from === undefined) expectFiles(node);
  else await refusePackage(node);
  return [
    ...(from === undefined ? [] : archiveSteps(from, node.record)),
    prepareStep(node, isFirst, undo, isLenient),
    ...linkSteps("commands", "command", COMMAND_LINKS),
    ...(given === undefined ? [] : poolConfigSteps(node, given)),
    startStep(node, isLenient),
    ...(isDisabled(node) ? [] : linkSteps("plugin", "plugin", PLUGIN_LINKS)),
  ];
}

function expectFiles(node: NodeRun): void {
  const [changed] = changedPrograms(node);
  if (isWhole(node) && changed === undefined) return;
  throw new InstallError(
    "unfinished",
    `${changed ?? "a program"} is missing, or has changed since its installation: install from the archive or package`,
  );
}

export const isWhole = ({ disk }: NodeRun) => [PROGRAM, SHIM, DO_NOTHING_PROGRAM].every((path) => disk.isThere(path));

/**
 * Forgets an archive's programs that are a package's now, also with the same content, and removes those that it does not have.
 *
 * @returns whether they are a package's.
 */
export async function leaveToPackage(node: NodeRun): Promise<boolean> {
  if ((await packageOwner(node)) === undefined) return false;
  const programs = changedPaths(node.record, "program");
  const packaged = await packagedOf(node, programs);
  const lacking = programs.filter((path) => !packaged.has(path));
  node.disk.remove(MANIFEST);
  const steps = lacking.map((path) => ({ name: "programs", path }));
  restoreAll(node, steps);
  // A file that cannot be removed stays in the record.
  forgetPrograms(node, lacking);
  return true;
}

/** Those of the paths that a package has installed. @throws {InstallError} `package` */
export async function packagedOf(node: NodeContext, paths: readonly string[]): Promise<ReadonlySet<string>> {
  const packaged = new Set<string>();
  for (const path of paths) if ((await packageOwner(node, path)) !== undefined) packaged.add(path);
  return packaged;
}

/** A package manager must find the files that it has installed, so the archive does not replace them. */
async function refusePackage(node: NodeRun): Promise<void> {
  if (isFromArchive(node.record) || !node.disk.isThere(PROGRAM)) return;
  const owner = await packageOwner(node);
  if (owner !== undefined)
    throw new InstallError("package", `ocir-broker is installed from a package (${owner}): upgrade the package`);
}

/**
 * The kind of package that has installed ocir-broker, or this file of it; undefined if none has.
 *
 * @throws {InstallError} `package` if a manager does not answer, because a package's files must not be deleted.
 */
export async function packageOwner({ runProgram }: NodeContext, file = PROGRAM): Promise<".deb" | ".rpm" | undefined> {
  for (const { path, option, kind } of OWNER_QUERIES) {
    const result = await runProgram({ path, args: [option, file], limitMs: OWNER_LIMIT_MS });
    if (isSuccess(result)) return kind;
    const isUnknown = "failure" in result || ("exitCode" in result && result.exitCode === 1);
    if (!isUnknown) throw new InstallError("package", `${path} does not respond: repair it, then run this again`);
  }
  return undefined;
}

function linkSteps(name: string, change: ChangeKind, links: Readonly<Record<string, string>>): FileStep[] {
  return Object.entries(links).map(([path, target]) => linkStep(name, change, path, target));
}

function prepareStep(node: NodeRun, isFirst: boolean, undo: ActionUndo, isLenient: boolean): ActionStep {
  return {
    kind: "action",
    name: "system",
    changes: `creates the groups and the folders in /run and /var/lib, reloads systemd${isFirst ? ", enables the units" : ""}`,
    check: "systemd-sysusers succeeds",
    undo,
    async run() {
      const { disk, runProgram, units, say } = node;
      const isDone = async (path: string, args: readonly string[]) =>
        isSuccess(await runProgram({ path, args, limitMs: PREPARE_LIMIT_MS }));
      if (!(await isDone("systemd-sysusers", ["/usr/lib/sysusers.d/ocir-broker.conf"])))
        throw new InstallError(
          "install",
          "systemd-sysusers cannot create the groups: see systemd-sysusers ocir-broker.conf",
        );
      if (!(await isDone("systemd-tmpfiles", ["--create", "/usr/lib/tmpfiles.d/ocir-broker.conf"])))
        say("systemd-tmpfiles failed: metrics may be missing, and the last valid configuration may not be kept");
      if (!disk.isThere(CONFIG_FOLDER)) disk.makeFolder(CONFIG_FOLDER);
      await units.reload();
      if (isFirst && !(await units.enable()) && !isLenient)
        throw new InstallError("service", "the units cannot be enabled, perhaps because one is masked");
    },
  };
}

function startStep(node: NodeRun, isLenient: boolean): ActionStep {
  const { units } = node;
  return {
    kind: "action",
    name: "daemon",
    changes: "starts the daemon, or restarts it if its program or a unit has changed; its socket stays open",
    check: "the plugin gets a response from the daemon within 100 s, which may be an error of Oracle's services",
    undo: "restart-daemon",
    async run() {
      if (!(await units.isWanted())) return;
      try {
        const reason = await units.bringUp({ isChanged: hasChangedDaemon(node) });
        if (reason !== undefined) throw new InstallError("service", `${reason}: see journalctl -u ocir-broker.service`);
        await checkDaemonAnswers(node);
      } catch (error) {
        // A half-configured package is harder to repair than a service that does not run.
        if (!isLenient || !(error instanceof InstallError)) throw error;
        node.say(`${error.code}: ${error.message}`);
      }
    },
  };
}
