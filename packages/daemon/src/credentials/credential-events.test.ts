import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { expect, it } from "vitest";
import { createRecordedLog } from "../../test/recorded-log.ts";
import { createMetrics } from "../telemetry/metrics/metrics.ts";
import { createServiceAccountEvents } from "./credential-events.ts";

it("createServiceAccountEvents keeps the last 256 failures", () => {
  const clock = createFakeClock();
  const { log } = createRecordedLog();
  const { onPull, failures } = createServiceAccountEvents({ log, clock, metrics: createMetrics(clock, "1.2.3", true) });
  for (let pod = 0; pod < 300; pod++) onPull({ outcome: "anonymous", account: `shop/${pod}`, error: new Error() });
  expect(failures().map(({ account }) => account)).toEqual(Array.from({ length: 256 }, (_, at) => `shop/${at + 44}`));
});
