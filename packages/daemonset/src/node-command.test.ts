import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { until } from "@ocir-broker/testkit/until";
import { expect, it, onTestFinished, vi } from "vitest";
import { spawnNodeCommand } from "./node-command.ts";

/** @param passSeconds that pass as soon as the program has printed its first line of progress. */
async function run(script: string, passSeconds = 0) {
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const program = join(temporaryFolder(), "program");
  writeFileSync(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const said: string[] = [];
  const command = [program, "node", "install"] as const;
  const say = (line: string): void => {
    said.push(line);
    vi.advanceTimersByTime(passSeconds * 1_000);
  };
  return { said, result: await spawnNodeCommand({ command, limitSeconds: 60, say }) };
}

it.each([
  [
    "the last line when it prints no result",
    "echo 'ocir-broker: it needs libatomic' >&2; exit 1",
    "it needs libatomic",
  ],
  ["its status when it prints nothing", "exit 3", "ended with 3"],
  ["that it was killed by somebody else", "kill -KILL $$", "ended with null"],
])("spawnNodeCommand reports %s", async (_, script, reason) => {
  const { result } = await run(script);
  expect(result).toMatchObject({ ok: false, reason: expect.stringContaining(reason) });
});

it.each<[why: string, command: readonly [string, ...string[]], reason: string]>([
  ["is not there", ["/nowhere/program"], "ENOENT"],
  ["gets an argument that is too long", ["/bin/true", "a".repeat(4_000_000)], "E2BIG"],
])("spawnNodeCommand reports a program that cannot be started because it %s", async (_, command, reason) => {
  const result = await spawnNodeCommand({ command, limitSeconds: 60, say: () => {} });
  expect(result).toMatchObject({ ok: false, reason: expect.stringContaining(reason) });
});

it("spawnNodeCommand lets a program restore everything at its time limit", async () => {
  const failed = JSON.stringify({ ok: false, reason: "the run was ended by a signal" });
  // The child says that it is ready: a fork that has not run its program yet still has the trap, and would miss the signal.
  const child = "sh -c 'echo ready >&2; exec sleep 60'";
  const { result } = await run(`trap 'echo '\\''${failed}'\\''; exit 1' TERM; ${child} & wait`, 60);
  expect(result.reason).toBe("ocir-broker node install took longer than 60 s and was ended");
});

it("spawnNodeCommand ends a hanging program and its children at its time limit", async () => {
  const { result, said } = await run("trap '' TERM; sh -c 'trap \"\" TERM; echo $$; sleep 61; :' >&2", 66);
  vi.useRealTimers();
  expect(result).toMatchObject({ ok: false, reason: expect.stringContaining("took longer") });
  const isRunning = () =>
    execFileSync("ps", ["-eo", "pid="], { encoding: "utf8" })
      .split(/\s+/)
      .includes(said[0] ?? "");
  await until("its child has ended", () => !isRunning());
});
