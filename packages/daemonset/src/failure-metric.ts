/**
 * The metric of a failed restart of the kubelet, for node-exporter: in the file in which ocir-broker-node.sh reports a failed
 * installation. The script removes it at its next success, and it does not survive a boot.
 */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = "ocir-broker-metrics";
const FILE = "ocir_broker_install.prom";
/** A row in docs/operations.md. */
const REASON = "kubelet-restart";
const TEXT = `ocir_broker_install_failed{reason="${REASON}"} 1\n`;

/**
 * Returns a function that writes or removes the metric, and never throws.
 *
 * @param run the node's /run.
 */
export function createFailureMetric(run: string): (isFailed: boolean) => void {
  const folder = join(run, FOLDER);
  return (isFailed) => {
    try {
      rmSync(join(folder, FILE), { force: true });
      if (!isFailed) return;
      // The daemon's group may write to the folder: a rename follows no link.
      const unfinished = join(run, `ocir-broker-install.${process.pid}`);
      writeFileSync(unfinished, TEXT);
      mkdirSync(folder, { recursive: true });
      renameSync(unfinished, join(folder, FILE));
    } catch {
      // The label and the Event show the failure.
    }
  };
}
