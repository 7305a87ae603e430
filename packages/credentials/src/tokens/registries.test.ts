import { configOf } from "@ocir-broker/config/test/config";
import type { RegionInfo } from "@ocir-broker/identity/region-info";
import { expect, it, vi } from "vitest";
import { createRegistries, isAllowedNow } from "./registries.ts";

const homeRegion = { get: () => Promise.reject(new Error("no region")) };

it("Registries allows only the hosts of the current configuration", () => {
  const registries = createRegistries(configOf("registries: {extraHosts: [a.example]}"), homeRegion);
  const allowed = () => ["a.example", "b.example", "iad.ocir.io"].map((host) => registries.isAllowed(host, 0));
  expect(allowed()).toEqual([true, false, true]);
  expect(registries.applyConfig(configOf("registries: {extraHosts: [b.example]}"))).toEqual([]);
  expect(allowed()).toEqual([false, true, true]);
});

it("Registries allows hosts in a realm unknown to the SDK only once it has learned that realm", async () => {
  const value: RegionInfo = { id: "xx-new-1", key: "xnw", realmKey: "oc99", realmDomain: "example-cloud.test" };
  const entry = { value, obtainedAtMs: 0, expiresAtMs: Number.POSITIVE_INFINITY };
  const get = vi.fn(async () => ({ entry, outcome: "hit" as const }));
  const registries = createRegistries(configOf({}), { get });
  const own = "ocir.xx-new-1.oci.example-cloud.test";
  get.mockRejectedValueOnce(new Error("no region"));
  expect(await isAllowedNow(registries, own)).toBe(false);
  expect(await registries.isAllowed(own, 0)).toBe(true);
  expect(await registries.isAllowed("ocir.xx-new-1.oci.other-cloud.test", 0)).toBe(false);
  // The region of a state file may be wrong until the metadata service answers.
  const corrected = { ...entry, value: { ...value, realmDomain: "other-cloud.test" } };
  get.mockResolvedValue({ entry: corrected, outcome: "hit" });
  expect(await registries.isAllowed(own, 0)).toBe(false);
});

it("Registries reports hosts whose address changed", () => {
  const endpoints = {
    "aaa.ocir.io": "https://a.example",
    "bbb.ocir.io": "https://b.example",
    "ccc.ocir.io": "https://c.example",
  };
  const registries = createRegistries(configOf({ registries: { endpoints } }), homeRegion);
  const { "aaa.ocir.io": _gone, ...others } = endpoints;
  const next = { ...others, "bbb.ocir.io": "https://b2.example", "ddd.ocir.io": "https://d.example" };
  const moved = registries.applyConfig(configOf({ registries: { endpoints: next } }));
  expect(moved.sort()).toEqual(["aaa.ocir.io", "bbb.ocir.io", "ddd.ocir.io"]);
  expect(registries.endpointOf("aaa.ocir.io").href).toBe("https://aaa.ocir.io/");
  expect(registries.endpointOf("bbb.ocir.io").href).toBe("https://b2.example/");
  expect(registries.endpointOf("ccc.ocir.io").href).toBe("https://c.example/");
});
