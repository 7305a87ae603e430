import { expect, it } from "vitest";
import type { PullSecret } from "../objects/pull-secret.ts";
import { type Attempt, gateAfter, progressFor } from "./progress.ts";

const FAILED: Attempt = { failure: { code: "service-account-missing", place: "ocir-pull" }, retryable: false };
const version = (generation: number) => ({ uid: "uid-1", generation }) as PullSecret;
const first = progressFor(version(1), undefined);

it.each([
  ["a success", {}],
  ["a failure", FAILED],
])("progressFor allows a fetch five seconds after %s if the resource has changed", (_what, attempt: Attempt) => {
  const fetch = gateAfter(first.gates.fetch, attempt, 1_000, 0.5);
  const { gates } = progressFor(version(2), { ...first, gates: { ...first.gates, fetch } });
  expect(gates.fetch.notBeforeMs).toBe(6_000);
});

it("progressFor delays no write of a changed resource after a success", () => {
  const written = gateAfter(first.gates.apply, {}, 1_000, 0.5);
  const { gates } = progressFor(version(2), { ...first, gates: { ...first.gates, apply: written, report: written } });
  expect([gates.apply.notBeforeMs, gates.report.notBeforeMs]).toEqual([1_100, 1_100]);
});

it("gateAfter slows down successes that follow each other soon, also with failures between them", () => {
  let gate = first.gates.fetch;
  for (let round = 0; round < 10; round++) {
    gate = gateAfter(gate, FAILED, gate.notBeforeMs, 0);
    gate = gateAfter(gate, {}, Math.max(gate.notBeforeMs, 0), 0);
  }
  expect(gate.notBeforeMs - gate.triedAtMs).toBe(30_000);
});
