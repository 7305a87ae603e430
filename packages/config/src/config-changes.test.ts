import { expect, it } from "vitest";
import { configOf } from "../test/config.ts";
import { changesBetween, reloaded } from "./config-changes.ts";

it.each([
  ["nothing", "", "log: {level: info}", [], []],
  ["a level", "", "log: {level: debug}", ["log.level"], []],
  ["an added list", "", "registries: {prefetch: [iad.ocir.io]}", ["registries.prefetch"], []],
  ["a removed list", "registries: {prefetch: [iad.ocir.io]}", "", ["registries.prefetch"], []],
  ["a list", "registries: {extraHosts: [a.io]}", "registries: {extraHosts: [b.io]}", ["registries.extraHosts"], []],
  [
    "keys that apply at once and keys that need a restart",
    "proxy: {https: 'http://proxy.example:1'}",
    "registries: {endpoints: {iad.ocir.io: 'https://a.example'}}\nrequest: {deadline: 5s}\nlog: {level: warn}",
    ["log.level", "registries.endpoints"],
    ["proxy.https", "request.deadline"],
  ],
])("changesBetween finds %s", (_what, before, after, live, atRestart) => {
  expect(changesBetween(configOf(before), configOf(after))).toEqual({ live, atRestart });
});

it("reloaded leaves only the changes that need a restart to be reported", () => {
  const before = configOf("log: {level: warn}\nregistries: {prefetch: []}");
  const after = configOf("log: {level: debug}\nregistries: {extraHosts: [a.example]}\nrequest: {deadline: 5s}");
  expect(changesBetween(reloaded(before, after), after)).toEqual({ live: [], atRestart: ["request.deadline"] });
});
