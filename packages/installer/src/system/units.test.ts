import { type Clock, createSystemClock } from "@ocir-broker/foundation/time/clock";
import type { ProgramResult, RunProgram } from "@ocir-broker/node/program-run";
import { createNodeTree } from "@ocir-broker/node/test/node-tree";
import { printed } from "@ocir-broker/node/test/program-double";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { createImpatientClock } from "@ocir-broker/testkit/impatient-clock";
import { expect, it } from "vitest";
import { nodeContextAt } from "../../test/node-context.ts";
import { CURRENT } from "../installed-files.ts";

const PROGRAM = `${CURRENT}/ocir-broker`;

import { createUnits } from "./units.ts";

const FAILED = printed("", { exitCode: 1 });

/** Units of a node whose service's process runs `program`. `responses` has the output for a verb of systemctl. */
function unitsOf(
  program: string,
  responses: Readonly<Record<string, (property: string) => ProgramResult>> = {},
  clock = createSystemClock(),
) {
  const { root, write, process } = createNodeTree();
  const called: string[] = [];
  for (const path of ["/run/systemd/system/.none", PROGRAM, "/old"]) write(path, "");
  process(7, "0::/system.slice/ocir-broker.service", [program]);
  const runProgram: RunProgram = async ({ args: [verb = "", ...args] }) => {
    called.push(verb);
    const property = args.find((arg) => arg.startsWith("--property="))?.slice("--property=".length) ?? "";
    return responses[verb]?.(property) ?? printed(property === "MainPID" ? "7\n" : "");
  };
  const units = createUnits(nodeContextAt(root, { runProgram, clock }));
  const changes = () => called.filter((verb) => verb !== "show" && verb !== "is-enabled");
  return { units, called, changes };
}

it.each([
  ["starts a service that runs the installed program", PROGRAM, false, "start"],
  ["restarts a service that runs another program", "/old", false, "restart"],
  ["restarts a service whose files have changed", PROGRAM, true, "restart"],
])("bringUp %s", async (_, program, isChanged, verb) => {
  const { units, called } = unitsOf(program);
  expect(await units.bringUp({ isChanged })).toBeUndefined();
  expect(called.at(-1)).toBe(verb);
});

it("bringUp returns the result of the last start that has ended", async () => {
  const shown = ["Result=success\nExecMainStatus=0\n", "Result=exit-code\nExecMainStatus=217\n"];
  const { units } = unitsOf(PROGRAM, { restart: () => FAILED, show: () => printed(shown.shift() ?? "") });
  expect(await units.bringUp({ isChanged: true })).toContain("(Result=exit-code, ExecMainStatus=217)");
});

const RESTARTED = "Result=success\nExecMainCode=0\nExecMainStatus=0\n";

it.each([
  ["is killed", "Result=signal\nExecMainCode=2\nExecMainStatus=9\n"],
  ["is killed for want of memory", "Result=oom-kill\nExecMainCode=2\nExecMainStatus=9\n"],
  ["fails, and that systemd has restarted", RESTARTED],
])("bringUp starts a service again that %s, twice", async (_, shown) => {
  const starts = [printed(""), FAILED, printed("")];
  const { units, changes } = unitsOf(PROGRAM, {
    restart: () => FAILED,
    start: () => starts.shift() ?? FAILED,
    show: (property) => printed(property.startsWith("Load") ? "LoadState=loaded\nActiveState=activating\n" : shown),
  });
  expect(await units.bringUp({ isChanged: true })).toBeUndefined();
  expect(changes()).toEqual(["start", "restart", "start", "start"]);
});

it("bringUp does not start a unit again that cannot be loaded", async () => {
  const { units, changes } = unitsOf(PROGRAM, {
    restart: () => FAILED,
    show: (property) =>
      printed(property.startsWith("Load") ? "LoadState=bad-setting\nActiveState=active\n" : RESTARTED),
  });
  expect(await units.bringUp({ isChanged: true })).toContain("Result=success");
  expect(changes()).toEqual(["start", "restart"]);
});

it("bringUp gives up after 30 s if a service is killed 9 s after each start, for example for want of memory", async () => {
  let nowMs = 0;
  const takeLong = () => {
    nowMs += 9_000;
    return FAILED;
  };
  const show = () => printed("Result=oom-kill\nExecMainCode=2\nExecMainStatus=9\n");
  const clock = { ...createFakeClock(), monotonicMs: () => nowMs };
  const { units, changes } = unitsOf(PROGRAM, { restart: takeLong, start: takeLong, show }, clock);
  expect(await units.bringUp({ isChanged: true })).toContain("Result=oom-kill");
  expect(changes()).toEqual(["start", "restart", "start", "start", "start"]);
});

it("isWanted is false for a service that is neither enabled nor active, so that an upgrade does not start it", async () => {
  const { units } = unitsOf(PROGRAM, { "is-enabled": () => FAILED, "is-active": () => FAILED });
  expect(await units.isWanted()).toBe(false);
});

it("disable gives running plugins a second to connect before the socket closes", async () => {
  const order: string[] = [];
  const impatient = createImpatientClock();
  const setTimer: Clock["setTimer"] = (callback, ms) => {
    order.push(`${ms} ms`);
    return impatient.setTimer(callback, ms);
  };
  const clock = { ...impatient, setTimer };
  const { units } = unitsOf(PROGRAM, { "--quiet": () => printed(String(order.push("disable"))) }, clock);
  await units.disable();
  expect(order).toEqual(["1000 ms", "disable"]);
});
