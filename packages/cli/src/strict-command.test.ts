import type { Command } from "commander";
import { describe, expect, test, vi } from "vitest";
import { runCommand } from "../test/command-run.ts";
import { createProgram } from "./program.ts";
import { flagsOf } from "./strict-command.ts";

const allFlagsOf = (command: Command): string[] =>
  [...command.createHelp().visibleOptions(command), ...command.options.filter(({ hidden }) => hidden)].flatMap(flagsOf);

/** Each option with a value, followed by each option of the same command, hidden ones too: `node connect`, `--bin-dir`, `--dry-run`. */
function pairsOf(command: Command, above: string[] = []): [words: string[], option: string, value: string][] {
  const own = command.options
    .filter(({ required }) => required)
    .flatMap(({ long }) =>
      allFlagsOf(command).map((value): [string[], string, string] => [above, String(long), value]),
    );
  return [...own, ...command.commands.flatMap((inner) => pairsOf(inner, [...above, inner.name()]))];
}

const pairs = pairsOf(createProgram());

describe("a command refuses a value that is an option", () => {
  test("in every command: about two hundred pairs", () => {
    expect(pairs.length).toBeGreaterThan(180);
  });

  test.each(pairs)("%j %s %s", async (words, option, value) => {
    const { exitCode, stdout, stderr } = await runCommand(...words, option, value);
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(
      new RegExp(`^ocir-broker: usage-invalid: option '${option} <[a-z/]+>' has no value: ${value} is an option `),
    );
  });

  test("also if it is no option of the command, or ends the options", async () => {
    for (const value of ["--forgotten", "--"])
      expect((await runCommand("get", "--config", value)).stderr).toContain("has no value");
  });

  test("unless it is given with =", async () => {
    using _user = vi.spyOn(process, "geteuid").mockReturnValue(1_000);
    const { stderr } = await runCommand("node", "connect", "--kubelet-args=--dry-run");
    expect(stderr).toBe("ocir-broker: not-root: run it as root\n");
  });
});

test.each(["connect", "install", "remove"])("node %s refuses another form for a dry run", async (command) => {
  const { exitCode, stderr } = await runCommand("node", command, "--dry-run", "--output", "json");
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining("option '--dry-run' cannot be used with option")]);
});
