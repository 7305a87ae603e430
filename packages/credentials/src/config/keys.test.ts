import { expect, it } from "vitest";
import { configOf } from "../../test/config.ts";
import { describeConfigKeys } from "./keys.ts";

it("describeConfigKeys gives every key a default or an example that the schema accepts", () => {
  for (const { section, key, default: value, example } of describeConfigKeys()) {
    const sections = { [section]: { [key]: value ?? example ?? expect.unreachable(`${section}.${key}`) } };
    expect(configOf(sections)).toMatchObject(sections);
  }
});

it("describeConfigKeys marks the keys that a reload applies", () => {
  const live = describeConfigKeys().filter(({ isLive }) => isLive);
  expect(live.map(({ section, key }) => `${section}.${key}`)).toEqual([
    "registries.prefetch",
    "registries.extraHosts",
    "registries.endpoints",
    "log.level",
  ]);
});
