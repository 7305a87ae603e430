import { expect, it } from "vitest";
import { parsePullSecret } from "./pull-secret.ts";

const METADATA = { namespace: "shop", name: "ocir-pull", uid: "uid-1", generation: 1 };
const SPEC = { registries: ["iad.ocir.io"] };

it("parsePullSecret counts a resource as none while it is being deleted", () => {
  const deletionTimestamp = "2026-11-29T06:00:00Z";
  expect(parsePullSecret({ metadata: { ...METADATA, deletionTimestamp }, spec: SPEC })).toBeUndefined();
  const status = { conditions: "of another program" };
  const parsed = { ...METADATA, ...SPEC, formats: [], status: undefined };
  expect(parsePullSecret({ metadata: METADATA, spec: SPEC, status })).toEqual(parsed);
});

it("parsePullSecret reads no more of a long status than it needs, because others may write it", () => {
  const ready = {
    ...{ type: "Ready", status: "True", reason: "Ready", message: "", observedGeneration: 1 },
    lastTransitionTime: "2026-11-29T06:00:00Z",
  };
  const other = Object.defineProperty({ type: "Other" }, "status", { get: () => expect.unreachable() });
  const long = Object.defineProperty({}, "host", { get: () => expect.unreachable() });
  const parse = (status: object) => parsePullSecret({ metadata: METADATA, spec: SPEC, status })?.status;
  const status = { observedGeneration: 1, conditions: [null, other, ready, other] };
  expect(parse(status)).toEqual({ observedGeneration: 1, conditions: [ready], registries: [] });
  expect(parse({ ...status, expirationTime: "2026-11-29T07:00:00Z" })).toEqual(parse(status));
  expect(parse({ ...status, registries: Array(17).fill(long) })).toBeUndefined();
});
