import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { expect, it } from "vitest";
import { createMetrics } from "./metrics.ts";
import type { PullSecret } from "./objects/pull-secret.ts";

it("counts a token that has expired, although the API server refuses the status that says so", async () => {
  const clock = createFakeClock();
  const metrics = createMetrics(clock);
  const expirationTime = new Date(clock.wallMs() + 60_000).toISOString();
  const status = { expirationTime, conditions: [{ status: "True", reason: "Issued" }] };
  metrics.show({ resources: () => [{ status } as unknown as PullSecret], waiting: () => 0 });
  const reasons = async () => (await metrics.render()).match(/(?<=_resources\{reason=")\w+/g);
  expect(await reasons()).toEqual(["Issued"]);
  await clock.advance(60_000);
  expect(await reasons()).toEqual(["Expired"]);
});
