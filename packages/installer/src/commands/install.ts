/**
 * An installation and an upgrade. The plugin's links come last: the kubelet's calls go to our plugin only after the daemon has
 * responded. A failure brings the earlier version back, or removes what a first installation has made.
 */
import { isSuccess } from "@ocir-broker/node/program-run";
import { BROKER_PROGRAM } from "@ocir-broker/protocol/contract";
import type { NodeResult } from "@ocir-broker/protocol/node-result";
import type { Change } from "../change.ts";
import { InstallError, installErrorOf } from "../install-error.ts";
import { COMMAND_LINKS, CONFIG_FOLDER, FOLDER, METRICS_FOLDER, PACKAGE, PROGRAM_NAME } from "../installed-files.ts";
import { applyPoolConfig, hasSettings, poolConfig, poolConfigChange, poolConfigIn } from "../kubelet/broker-config.ts";
import { connection, pluginLinks } from "../kubelet/connect.ts";
import type { ConnectOptions } from "../kubelet/kubelet-paths.ts";
import { type NodeRun, runOnNode } from "../node-run.ts";
import { writeOurFiles } from "../our-files.ts";
import { checkDaemonAnswers } from "../system/daemon-check.ts";
import { isDisabled, type NodeContext } from "../system/node-context.ts";
import { currentVersion, hasPackage, keepOnly, turnTo, unpack } from "../versions.ts";
import { applyConnection, withNeed } from "./connect.ts";
import { notInstalled, refuseEarlierLayout } from "./expectations.ts";
import { removeAll } from "./remove.ts";

export interface InstallCommand {
  /** The unpacked archive; undefined if the files are there, from a package or an earlier installation. */
  readonly from: string | undefined;
  /** Also connects the kubelet. A daemon that does not respond after fails the run, even if a package has installed the files. */
  readonly connect: ConnectOptions | undefined;
  /** The configuration of the node's pool; undefined: as it is. */
  readonly given?: string | undefined;
  /** Checks the given configuration; without one, the node's. @throws {Error} */
  readonly checkConfig: (given?: string) => void;
}

/** The metric of a script's failed installation; a success removes it. */
const FAILURE_METRIC = `${METRICS_FOLDER}/ocir_broker_install.prom`;
const PREPARE_LIMIT_MS = 30_000;

export function installNode(context: NodeContext, signal: AbortSignal, command: InstallCommand): Promise<NodeResult> {
  return runOnNode(context, signal, async (node) => {
    const { from, connect, given } = command;
    await expectInstallable(node, command);
    const earlier = currentVersion(node.disk);
    if (from === undefined && earlier !== undefined && earlier !== PACKAGE && hasPackage(node.disk)) {
      node.say(
        `nothing is changed, because an archive's version is installed: run ${BROKER_PROGRAM} node remove, ` +
          `and after ${FOLDER}/${PACKAGE}/${PROGRAM_NAME} node install`,
      );
      return {};
    }
    const pool = poolConfig(node);
    const isFirst = earlier === undefined || (node.copies.isThere && !node.copies.isInstalled());
    await node.step();
    const version = from === undefined ? whatIsThere(node) : unpack(node.disk, from, node.version);
    try {
      await use(node, version, { isNew: version !== earlier, isLenient: isLenient(version, command), given });
      const result = connect === undefined ? {} : await applyConnection(node, connect);
      node.disk.clear(FAILURE_METRIC);
      if (from !== undefined && version !== earlier) keepOnly(node.disk, version, earlier);
      return withNeed(node, result);
    } catch (error) {
      const failure = installErrorOf(error);
      if (isFirst) await removeAll(node);
      else if (version !== earlier || given !== undefined) await goBack(node, earlier, version, pool);
      throw failure;
    }
  });
}

/** What would change of the files that are not ours. */
export async function installChanges(node: NodeRun, command: InstallCommand): Promise<Change[]> {
  const { connect, given } = command;
  await expectInstallable(node, command);
  const config = given === undefined ? undefined : poolConfigChange(node, poolConfigIn(given));
  const { before = [], after = [] } = connect === undefined ? {} : await connection(node, connect);
  return [...commandLinks(), ...(config === undefined ? [] : [config]), ...pluginLinks(), ...before, ...after];
}

/** Before anything changes. @throws {InstallError} */
async function expectInstallable(node: NodeRun, { from, connect, given, checkConfig }: InstallCommand): Promise<void> {
  refuseEarlierLayout(node);
  if (from !== undefined && hasPackage(node.disk))
    throw new InstallError(
      "package",
      "ocir-broker is installed from a package: upgrade the package, or remove it first (apt-get remove ocir-broker, " +
        "or dnf remove ocir-broker)",
    );
  if (connect !== undefined && isDisabled(node))
    throw new InstallError(
      "switched-off",
      "ocir-broker is switched off on this node: run ocir-broker enable, after this again",
    );
  try {
    expectValid(given, checkConfig);
  } catch (error) {
    // A package, whose programs are unpacked already, reports an invalid configuration and does not fail.
    const isPackage = (from ?? connect ?? given) === undefined && hasPackage(node.disk);
    if (!isPackage) throw error;
    node.say(installErrorOf(error).message);
  }
  if (connect !== undefined) await connection({ ...node, say() {} }, connect);
}

function expectValid(given: string | undefined, checkConfig: InstallCommand["checkConfig"]): void {
  try {
    if (given !== undefined) checkConfig(given);
    if (given === undefined || !hasSettings(given)) checkConfig();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InstallError("config", `the configuration has errors: ${reason}`, { cause: error });
  }
}

/** A half-configured package is harder to repair than a service that does not run. */
function isLenient(version: string, { connect }: InstallCommand): boolean {
  return version === PACKAGE && connect === undefined;
}

function whatIsThere({ disk }: NodeRun): string {
  const version = hasPackage(disk) ? PACKAGE : currentVersion(disk);
  if (version !== undefined) return version;
  throw notInstalled();
}

interface Use {
  readonly isNew: boolean;
  readonly isLenient: boolean;
  readonly given: string | undefined;
}

/** Each step completes what a killed run has begun. */
async function use(node: NodeRun, version: string, { isNew, isLenient, given }: Use): Promise<void> {
  const { disk, units, copies } = node;
  await node.step();
  turnTo(disk, version);
  const areUnitsNew = writeOurFiles(node, version);
  if (isNew || areUnitsNew) node.done("version", version);
  await prepareSystem(node);
  if (!copies.isInstalled()) {
    if (!(await units.enable()) && !isLenient)
      throw new InstallError("service", "the units cannot be enabled, perhaps because one is masked");
    copies.setInstalled(true);
  }
  await node.step();
  node.change(commandLinks());
  const isConfigNew = given !== undefined && applyPoolConfig(node, poolConfigIn(given));
  try {
    await startDaemon(node, isNew || areUnitsNew || isConfigNew);
  } catch (error) {
    const { code, message } = installErrorOf(error);
    if (!isLenient) throw error;
    node.say(`${code}: ${message}`);
  }
  await node.step();
  node.change(pluginLinks());
}

/** The earlier version has been checked before. */
async function goBack(node: NodeRun, earlier: string, version: string, pool: string | undefined): Promise<void> {
  turnTo(node.disk, earlier);
  writeOurFiles(node, earlier);
  applyPoolConfig(node, pool);
  if (version !== earlier) node.disk.remove(`${FOLDER}/${version}`);
  await node.units.reload();
  if (await node.units.isWanted()) {
    const reason = await node.units.bringUp({ isChanged: true });
    if (reason !== undefined) node.say(reason);
  }
  node.say("the previous version is restored");
}

function commandLinks(): Change[] {
  return Object.entries(COMMAND_LINKS).map(([path, target]) => ({
    kind: "command",
    path,
    content: { kind: "link", target },
  }));
}

async function prepareSystem({ disk, runProgram, units, say }: NodeRun): Promise<void> {
  const isDone = async (path: string, args: readonly string[]) =>
    isSuccess(await runProgram({ path, args, limitMs: PREPARE_LIMIT_MS }));
  if (!(await isDone("systemd-sysusers", ["/usr/lib/sysusers.d/ocir-broker.conf"])))
    throw new InstallError(
      "install",
      "systemd-sysusers cannot create the groups: see systemd-sysusers ocir-broker.conf",
    );
  if (!(await isDone("systemd-tmpfiles", ["--create", "/usr/lib/tmpfiles.d/ocir-broker.conf"])))
    say("systemd-tmpfiles failed: metrics may be missing, and the last valid configuration may not be kept");
  disk.makeFolder(CONFIG_FOLDER);
  await units.reload();
}

async function startDaemon(node: NodeRun, isChanged: boolean): Promise<void> {
  if (!(await node.units.isWanted())) return;
  const reason = await node.units.bringUp({ isChanged });
  if (reason !== undefined) throw new InstallError("service", `${reason}: see journalctl -u ocir-broker.service`);
  await checkDaemonAnswers(node);
}
