import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { createProgram } from "../program.ts";

const page = execFileSync(process.execPath, [join(import.meta.dirname, "man-page.ts")], { encoding: "utf8" });
const ofHelp = (command: Command): Command[] =>
  command
    .createHelp()
    .visibleCommands(command)
    .filter((each) => each.name() !== "help");

describe("the man page", () => {
  test("includes every command, option and argument of --help, described", () => {
    const text = page.replaceAll("\\-", "-");
    const commands = ofHelp(createProgram()).flatMap((command) => [command, ...ofHelp(command)]);
    expect(commands.length).toBeGreaterThan(20);
    for (const command of commands) {
      expect(text).toContain(` ${command.name().toUpperCase()}\n`);
      for (const { flags, description } of command.createHelp().visibleOptions(command)) {
        expect(text).toMatch(new RegExp(`^  ${flags} {2,}${description.slice(0, 1)}`, "m"));
      }
      for (const argument of command.registeredArguments)
        expect(text).toMatch(new RegExp(`^  ${argument.name()} {2,}[a-z]`, "m"));
    }
  });

  const noGroff = existsSync("/usr/bin/groff") ? "" : " (skipped: needs groff)";
  test.skipIf(noGroff !== "")(`is one that groff formats without a warning${noGroff}`, () => {
    const said = execFileSync("/bin/sh", ["-c", "groff -man -Tutf8 -ww -z 2>&1"], { input: page, encoding: "utf8" });
    expect(said).toBe("");
  });
});
