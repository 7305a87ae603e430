import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, test } from "vitest";
import { runCommand } from "../../test/command-run.ts";
import { createProgram } from "../program.ts";
import { COMPLETION_SCRIPTS, completionsFor } from "./completion.ts";

const program = createProgram();

/** The lines of a shell whose `ocir-broker` offers something for these words only, and nothing otherwise. */
function linesOf(shell: string, line: string, ...args: string[]): string[] {
  const folder = temporaryFolder();
  const offered = completionsFor(program, line.split(" ")).map((each) => `${each}\n`);
  writeFileSync(join(folder, "offered"), offered.join(""));
  const stub = `#!/bin/sh\n[ "$*" = "complete -- ${line}" ] && exec cat ${folder}/offered\n`;
  writeFileSync(join(folder, "ocir-broker"), stub, { mode: 0o755 });
  const env = { ...process.env, PATH: `${folder}:${process.env["PATH"]}` };
  return execFileSync(shell, args, { encoding: "utf8", env }).split("\n").filter(Boolean);
}

const lackOf = (shell: string): string =>
  spawnSync(shell, ["--version"]).status === 0 ? "" : ` (skipped: needs ${shell})`;
const noZsh = lackOf("zsh");
const noFish = lackOf("fish");

describe("completionsFor", () => {
  test.each([
    ["conf", expect.arrayContaining([expect.stringMatching(/^config\t./), expect.stringMatching(/^--help\t./)])],
    ["config ", expect.arrayContaining([expect.stringMatching(/^schema\t./)])],
    ["status --watch --output ", ["table", "json", "yaml"]],
    ["completion ", expect.arrayContaining(["bash", "fish"])],
    ["serve --config ", []],
  ])("offers, for %j, %j", (line, offered) => {
    expect(completionsFor(program, line.split(" "))).toEqual(offered);
  });

  test("offers no hidden command", () => {
    expect(completionsFor(program, [""]).filter((line) => /^complete\t/.test(line))).toEqual([]);
  });

  test("is what the hidden command prints, which the scripts run", async () => {
    expect((await runCommand("completion", "fish")).stdout).toContain("(ocir-broker complete -- ");
    expect((await runCommand("complete", "--", "config", "ch")).stdout).toContain("check\treport");
  });
});

describe("COMPLETION_SCRIPTS", () => {
  test.each([
    ["doct", ["doctor"]],
    // No word of a description.
    ["e", ["enable"]],
    ["status --output y", ["yaml"]],
    ["doctor --ro", []],
  ])("complete %j in bash", (line, offered) => {
    const complete = `COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ocir_broker; printf "%s\\n" "\${COMPREPLY[@]}"`;
    const script = `${COMPLETION_SCRIPTS.bash}\n${complete}`;
    expect(linesOf("bash", line, "--norc", "-c", script, "bash", "ocir-broker", ...line.split(" "))).toEqual(offered);
  });

  test.skipIf(noZsh !== "").each([
    ["config ", expect.arrayContaining([expect.stringMatching(/^check:report/)])],
    ["doctor --output ", ["text", "json"]],
    ["serve --config ", ["files"]],
  ])(`complete %j in zsh${noZsh}`, (line, offered) => {
    // Each function of zsh's completion system is replaced by one that prints its input.
    const system = ["compdef() { }", `_describe() { print -l -- "\${(@P)2}"; }`, "_files() { print files; }"];
    const script = [...system, COMPLETION_SCRIPTS.zsh, 'words=("$@") CURRENT=$#words; _ocir_broker'].join("\n");
    expect(linesOf("zsh", line, "-f", "-c", script, "zsh", "ocir-broker", ...line.split(" "))).toEqual(offered);
  });

  test.skipIf(noFish !== "").each([
    ["doct", ["doctor"]],
    ["config pr", ["print"]],
    ["status --output ", ["json", "table", "yaml"]],
    ["serve --config /etc/host", expect.arrayContaining(["/etc/hosts"])],
  ])(`complete %j in fish${noFish}`, (line, offered) => {
    const script = `${COMPLETION_SCRIPTS.fish}\ncomplete -C 'ocir-broker ${line}'`;
    const lines = linesOf("fish", line, "--no-config", "-c", script);
    expect(lines.map((each) => String(each.split("\t")[0]))).toEqual(offered);
  });
});
