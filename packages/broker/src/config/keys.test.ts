import { expect, it } from "vitest";
import { describeConfigKeys } from "./keys.ts";
import { checkConfig } from "./load.ts";

it("describeConfigKeys gives every key a default or an example, which the schema takes", () => {
  for (const { section, key, default: value, example } of describeConfigKeys()) {
    const shown = value ?? example;
    expect(shown, `${section}.${key}`).toBeDefined();
    expect(checkConfig(JSON.stringify({ [section]: { [key]: shown } }))).toHaveProperty("config");
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
