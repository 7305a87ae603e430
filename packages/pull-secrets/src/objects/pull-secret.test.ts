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
