import { expect, it } from "vitest";
import { configOf } from "../../test/config.ts";
import { describeConfigKeys } from "./keys.ts";

it("describeConfigKeys gives every key a default or an example, which the schema takes as it is", () => {
  for (const { section, key, default: value, example } of describeConfigKeys()) {
    const sections = { [section]: { [key]: value ?? example ?? expect.unreachable(`${section}.${key}`) } };
    expect(configOf(sections)).toMatchObject(sections);
  }
});

it("describeConfigKeys says which keys a reload brings into force", () => {
  const live = describeConfigKeys().filter(({ isLive }) => isLive);
  expect(live.map(({ section, key }) => `${section}.${key}`)).toEqual([
    "registries.prefetch",
    "registries.extraHosts",
    "registries.endpoints",
    "log.level",
  ]);
});
