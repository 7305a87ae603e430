/** docs/metrics.md matches the controller's metrics. */
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { expect, it } from "vitest";
import { createMetrics } from "../../packages/pull-secrets/src/metrics.ts";
import { documentedMetrics } from "../monitoring/documented-metrics.ts";
import { familiesOf } from "../monitoring/exposition.ts";

it("exposes exactly the metrics of docs/metrics.md, with their types and label values", async () => {
  const families = familiesOf(await createMetrics(createFakeClock()).render());
  const documented = documentedMetrics("ocir_pull_secrets");
  expect([...families.keys()].sort()).toEqual([...documented.keys()].sort());
  for (const [name, { type, labels }] of documented) {
    expect(families.get(name)?.type, name).toBe(type);
    for (const [label, values] of labels) {
      if (!values.includes("any")) expect([...(families.get(name)?.labels.get(label) ?? [])]).toEqual(values);
    }
  }
});
