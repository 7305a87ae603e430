import { expect, it } from "vitest";
import { checkConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { createLiveRegistries } from "./registries.ts";

const homeRegion = { get: () => Promise.reject(new Error("no region")), peek: () => undefined };

function configOf(registries: object): Config {
  const checked = checkConfig(JSON.stringify({ registries }));
  if ("faults" in checked) throw new Error(checked.faults.join("\n"));
  return checked.config;
}

it("LiveRegistries gives tokens to the hosts of the configuration in force, and to no others", () => {
  const registries = createLiveRegistries(configOf({ extraHosts: ["a.example"] }), homeRegion);
  const allowed = () => ["a.example", "b.example", "iad.ocir.io"].map((host) => registries.isAllowed(host, 0));
  expect(allowed()).toEqual([true, false, true]);
  expect(registries.applyConfig(configOf({ extraHosts: ["b.example"] }))).toEqual([]);
  expect(allowed()).toEqual([false, true, true]);
});

it("LiveRegistries says which hosts are reached elsewhere than before", () => {
  const endpoints = {
    "a.ocir.io": "https://a.example",
    "b.ocir.io": "https://b.example",
    "c.ocir.io": "https://c.example",
  };
  const registries = createLiveRegistries(configOf({ endpoints }), homeRegion);
  const { "a.ocir.io": _gone, ...others } = endpoints;
  const moved = registries.applyConfig(
    configOf({ endpoints: { ...others, "b.ocir.io": "https://b2.example", "d.ocir.io": "https://d.example" } }),
  );
  expect(moved.sort()).toEqual(["a.ocir.io", "b.ocir.io", "d.ocir.io"]);
  expect(registries.endpointOf("a.ocir.io").href).toBe("https://a.ocir.io/");
  expect(registries.endpointOf("b.ocir.io").href).toBe("https://b2.example/");
  expect(registries.endpointOf("c.ocir.io").href).toBe("https://c.example/");
});
