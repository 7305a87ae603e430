/** The off switch of one node: the kubelet's plugin returns no credentials, and the units are masked, until it is switched on again. */
import { isSuccess } from "@ocir-broker/node/program-run";
import { DISABLED_FILE } from "@ocir-broker/protocol/contract";
import type { NodeResult } from "@ocir-broker/protocol/node-result";
import { InstallError, installErrorOf } from "./install-error.ts";
import { DO_NOTHING_PROGRAM, LIBEXEC, METRICS_FOLDER, PLUGIN, PLUGIN_LINKS } from "./installed-files.ts";
import type { NodeRun } from "./node-run.ts";
import { withLock } from "./system/lock.ts";
import { isDisabled, type NodeContext } from "./system/node-context.ts";
import { createUnits } from "./system/units.ts";

/** Writes the metric at each boot. */
const METRIC_CONFIG = "/etc/tmpfiles.d/ocir-broker-disabled.conf";
const METRIC = `${METRICS_FOLDER}/ocir_broker_disabled.prom`;
const DAEMON_METRIC = `${METRICS_FOLDER}/ocir_broker.prom`;
/** tmpfiles.d expands the \n. */
const METRIC_LINE = `f+ ${METRIC} 0644 root root - # TYPE ocir_broker_disabled gauge\\nocir_broker_disabled 1\\n\n`;

/** Does not read the record of the installation, so that it works if that is damaged. @throws {InstallError} */
export function disable(node: NodeContext): Promise<NodeResult> {
  const { disk, clock, runProgram, say } = node;
  return withLock(node, async () => {
    if (!disk.isThere(PLUGIN) || !disk.stateOf(PLUGIN).startsWith(`link:${LIBEXEC}/`))
      throw new InstallError("install", `${PLUGIN} is not ocir-broker's, so there is nothing to switch off`);
    // A second run completes the first one, and keeps its time.
    if (!isDisabled(node))
      disk.save(DISABLED_FILE, `${new Date(clock.wallMs()).toISOString().replace(/\.\d+/, "")}\n`, 0o644);
    // First: the kubelet's calls get no credentials from here on.
    for (const name of Object.keys(PLUGIN_LINKS)) disk.link(name, DO_NOTHING_PROGRAM);
    await createUnits(node).mask();
    for (const path of [DAEMON_METRIC, METRIC]) disk.clear(path);
    try {
      disk.save(METRIC_CONFIG, METRIC_LINE, 0o644);
      const created = await runProgram({ path: "systemd-tmpfiles", args: ["--create", METRIC_CONFIG] });
      if (!isSuccess(created)) say("systemd-tmpfiles failed: the metric is missing");
    } catch (error) {
      say(`the metric is missing: ${installErrorOf(error).message}`);
    }
    say("switched off: the kubelet's plugin returns no credentials until you run: ocir-broker enable");
    return { ok: true, version: node.version, steps: [] };
  });
}

/** @throws {InstallError} */
export function enable(node: NodeContext): Promise<NodeResult> {
  return withLock(node, async () => {
    if (isDisabled(node)) {
      const units = createUnits(node);
      await units.unmask();
      await units.start();
      // Last: the kubelet's calls go to our plugin from here on.
      for (const [name, target] of Object.entries(PLUGIN_LINKS)) node.disk.link(name, target);
      clearFiles(node);
      node.say("switched on");
    } else node.say("ocir-broker is not switched off");
    return { ok: true, version: node.version, steps: [] };
  });
}

/** For a removal: what the off switch has left. */
export async function clearDisabled(node: NodeRun): Promise<void> {
  await node.units.unmask();
  clearFiles(node);
}

function clearFiles({ disk }: NodeContext): void {
  // The daemon's user can put anything at the metric's path.
  for (const path of [METRIC_CONFIG, METRIC]) disk.clear(path);
  disk.remove(DISABLED_FILE);
}
