/**
 * The steps of an installation and of an upgrade. The plugin's links come last: the kubelet's calls go to our plugin only when the
 * daemon has answered.
 */
import { archiveSteps } from "./archive.ts";
import { checkDaemonAnswers } from "./daemon-check.ts";
import { InstallError } from "./install-error.ts";
import { COMMAND_LINKS, CONFIG_FOLDER, DO_NOTHING_PROGRAM, PLUGIN_LINKS, PROGRAM, SHIM } from "./installed-files.ts";
import { isDisabled, type NodeContext } from "./node-context.ts";
import { packageOwner } from "./package-owner.ts";
import type { Run } from "./run.ts";
import type { ActionStep, FileStep, Step } from "./step.ts";
import type { Units } from "./units.ts";

export interface InstallOptions {
  /** The unpacked archive; undefined if the files are there, from a package or an earlier installation. */
  readonly from: string | undefined;
  /** Whether a daemon that does not answer fails the run, also if a package has installed the files. */
  readonly isStrict: boolean;
}

const PREPARE_LIMIT_MS = 30_000;

/** @throws {InstallError} `archive`, `package`, `unfinished` */
export async function installSteps(
  node: NodeContext,
  { run, units }: { readonly run: Run; readonly units: Units },
  { from, isStrict }: InstallOptions,
): Promise<Step[]> {
  const isPackage = from === undefined && run.programs().length === 0;
  if (from === undefined) await expectFiles(node, run);
  else await refusePackage(node, run);
  return [
    ...(from === undefined ? [] : archiveSteps(from, run.record())),
    prepareStep(node, units, run.record().version === undefined),
    ...linkSteps("commands", COMMAND_LINKS),
    startStep(node, { run, units }, isPackage && !isStrict),
    ...(isDisabled(node) ? [] : linkSteps("plugin", PLUGIN_LINKS)),
  ];
}

/** A package may have replaced an archive's files, which are then the package's. */
async function expectFiles(node: NodeContext, run: Run): Promise<void> {
  const changed = run.changedPrograms();
  const isWhole = [PROGRAM, SHIM, DO_NOTHING_PROGRAM].every((path) => node.disk.isThere(path));
  if (isWhole && changed.length === 0) return;
  if (isWhole && (await packageOwner(node)) !== undefined) return run.forgetPrograms();
  throw new InstallError(
    "unfinished",
    `${changed[0] ?? PROGRAM} is not as it was installed: install again from the archive`,
  );
}

async function refusePackage(node: NodeContext, run: Run): Promise<void> {
  if (run.programs().length > 0 || !node.disk.isThere(PROGRAM)) return;
  const owner = await packageOwner(node);
  if (owner !== undefined) throw new InstallError("package", `a package (${owner}) of it is installed: upgrade that`);
}

function linkSteps(name: string, links: Readonly<Record<string, string>>): FileStep[] {
  return Object.entries(links).map(([path, target]) => ({
    kind: "file",
    name,
    path,
    content: { kind: "link", target },
    describe: {
      changes: `links ${path} to ${target}`,
      check: "the link leads to the program",
      undo: "what was there before is put back",
    },
  }));
}

function prepareStep(node: NodeContext, units: Units, isFirst: boolean): ActionStep {
  return {
    kind: "action",
    name: "system",
    describe: {
      changes: `creates the groups and the folders in /run, reloads systemd${isFirst ? ", enables the units" : ""}`,
      check: "systemd-sysusers succeeds",
      undo: "the units are disabled and the folders removed; the groups stay",
    },
    async run() {
      const { disk, runProgram, say } = node;
      const isDone = async (path: string, args: readonly string[]): Promise<boolean> => {
        const result = await runProgram({ path, args, limitMs: PREPARE_LIMIT_MS });
        return "exitCode" in result && result.exitCode === 0;
      };
      if (!(await isDone("systemd-sysusers", ["/usr/lib/sysusers.d/ocir-broker.conf"])))
        throw new InstallError(
          "install",
          "systemd-sysusers cannot create the groups: see systemd-sysusers ocir-broker.conf",
        );
      if (!(await isDone("systemd-tmpfiles", ["--create", "/usr/lib/tmpfiles.d/ocir-broker.conf"])))
        say("systemd-tmpfiles failed: metrics may be missing");
      if (!disk.isThere(CONFIG_FOLDER)) disk.makeFolder(CONFIG_FOLDER);
      await units.reload();
      if (isFirst) await units.enable();
    },
  };
}

function startStep(
  node: NodeContext,
  { run, units }: { readonly run: Run; readonly units: Units },
  isLenient: boolean,
): ActionStep {
  return {
    kind: "action",
    name: "daemon",
    describe: {
      changes: "starts the daemon, or restarts it if its program or a unit has changed; its socket stays open",
      check: "the daemon answers one call of the plugin within 30 s; an error of the cloud is an answer",
      undo: "the previous version is started again",
    },
    async run() {
      if (!(await units.isWanted())) return;
      try {
        const reason = await units.bringUp({ isChanged: run.isPending() });
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
