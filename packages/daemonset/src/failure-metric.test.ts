import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it } from "vitest";
import { createFailureMetric } from "./failure-metric.ts";

const SCRIPT = join(import.meta.dirname, "../../../cloud-init/ocir-broker-node.sh");

it("createFailureMetric writes and removes the metric, with the header of ocir-broker-node.sh", () => {
  const run = temporaryFolder();
  const show = createFailureMetric(run);
  const file = join(run, "ocir-broker-metrics/ocir_broker_install.prom");
  show(true);
  const lines = readFileSync(file, "utf8").split("\n");
  const script = readFileSync(SCRIPT, "utf8");
  for (const line of lines.slice(0, 2)) expect(script).toContain(`'${line}'`);
  expect(lines.slice(2)).toEqual(['ocir_broker_install_failed{reason="kubelet-restart"} 1', ""]);
  show(false);
  expect(existsSync(file)).toBe(false);
});

it("createFailureMetric never throws", () => {
  const run = temporaryFolder();
  writeFileSync(join(run, "ocir-broker-metrics"), "not a folder");
  createFailureMetric(run)(true);
});
