/** The off switch of one node: the kubelet's plugin returns no credentials, and the units are masked, until it is switched on again. */
import { isSuccess } from "@ocir-broker/node/program-run";
import { DISABLED_FILE } from "@ocir-broker/protocol/contract";
import type { NodeResult } from "@ocir-broker/protocol/node-result";
import { type Content, stateIfAny } from "../disk.ts";
import { InstallError, installErrorOf } from "../install-error.ts";
import { isOurLink, METRICS_FOLDER, PLUGIN } from "../installed-files.ts";
import type { NodeRun } from "../node-run.ts";
import { withLock } from "../system/lock.ts";
import { isDisabled, type NodeContext } from "../system/node-context.ts";
import { createUnits } from "../system/units.ts";

/** Writes the metric at each boot. */
const METRIC_CONFIG = "/etc/tmpfiles.d/ocir-broker-disabled.conf";
const METRIC = `${METRICS_FOLDER}/ocir_broker_disabled.prom`;
const DAEMON_METRIC = `${METRICS_FOLDER}/ocir_broker.prom`;
/** tmpfiles.d expands the \n. */
const METRIC_LINE = `f+ ${METRIC} 0644 root root - # TYPE ocir_broker_disabled gauge\\nocir_broker_disabled 1\\n\n`;

/** Does not read the list of what was there before, so that it works if that is damaged. @throws {InstallError} */
export function disable(node: NodeContext): Promise<NodeResult> {
  const { disk, clock, runProgram, say } = node;
  return withLock(node, async () => {
    if (!isOurLink(stateIfAny(disk, PLUGIN)))
      throw new InstallError("install", `${PLUGIN} is not ocir-broker's, so there is nothing to switch off`);
    // First: once the sockets are gone, the plugin looks for it. A second run completes the first one, and keeps its time.
    if (!isDisabled(node))
      disk.write(DISABLED_FILE, text(`${new Date(clock.wallMs()).toISOString().replace(/\.\d+/, "")}\n`));
    await createUnits(node).mask();
    for (const path of [DAEMON_METRIC, METRIC]) disk.clear(path);
    try {
      disk.write(METRIC_CONFIG, text(METRIC_LINE));
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

function text(content: string): Content {
  return { kind: "text", text: content, mode: 0o644 };
}
