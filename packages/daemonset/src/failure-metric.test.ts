import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it } from "vitest";
import { createFailureMetric } from "./failure-metric.ts";

const SCRIPT = join(import.meta.dirname, "../../../cloud-init/ocir-broker-node.sh");

it("createFailureMetric writes and removes the metric, in the form of ocir-broker-node.sh", () => {
  const run = temporaryFolder();
  const show = createFailureMetric(run);
  const file = join(run, "ocir-broker-metrics/ocir_broker_install.prom");
  show(true);
  const text = readFileSync(file, "utf8");
  expect(text).toBe('ocir_broker_install_failed{reason="kubelet-restart"} 1\n');
  expect(readFileSync(SCRIPT, "utf8")).toContain(JSON.stringify(text.trim()).replace("kubelet-restart", "$1"));
  show(false);
  expect(existsSync(file)).toBe(false);
});

it("createFailureMetric never throws", () => {
  const run = temporaryFolder();
  writeFileSync(join(run, "ocir-broker-metrics"), "not a folder");
  createFailureMetric(run)(true);
});
