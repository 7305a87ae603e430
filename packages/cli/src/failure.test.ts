import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { runCommand, trustedFolder } from "../test/command-run.ts";

describe("a wrong command line exits with 2 and one line", () => {
  test.each<[what: string, command: string, line: string, help: string]>([
    ["a misspelt option", "status --otput json", "unknown option '--otput' (did you mean --output?)", "status "],
    ["a misspelt command", "statis", "unknown command 'statis' (did you mean status?)", ""],
    ["a missing argument", "kubelet-config merge", "missing required argument 'file'", "kubelet-config merge "],
    [
      "a value that is not one of the choices",
      "doctor --output xml",
      "option '--output <form>' argument 'xml' is invalid: Allowed choices are text, json",
      "doctor ",
    ],
    [
      "a restart without flags",
      "node disconnect --restart",
      "option '--restart' needs --kubelet-flags",
      "node disconnect ",
    ],
    [
      "a limit in which no kubelet starts",
      "node connect --limit 9",
      "option '--limit <seconds>' argument '9' is invalid: write a number of seconds from 10 on, like 100",
      "node connect ",
    ],
    ["an escape", "get --\u001b[2J", "unknown option '--\\u{1b}[2J'", "get "],
  ])("for %s", async (_what, command, line, help) => {
    const stderr = `ocir-broker: usage-invalid: ${line}; see ocir-broker ${help}--help\n`;
    expect(await runCommand(...command.split(" "))).toEqual({ exitCode: 2, stdout: "", stderr });
  });

  test("but lists the commands when none is given", async () => {
    const { exitCode, stdout, stderr } = await runCommand();
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("Commands:");
  });

  test("but not for help", async () => {
    for (const words of [
      ["node", "connect", "--help"],
      ["help", "node", "connect"],
      ["node", "help", "connect"],
    ]) {
      const { exitCode, stdout } = await runCommand(...words);
      expect([exitCode, stdout]).toEqual([0, expect.stringContaining("Usage: ocir-broker node connect [options]\n")]);
    }
  });
});

const missing = "it does not exist";
const isFolder = "it is a folder, not a file";

test.each<[command: string, line: string]>([
  ["config check FOLDER/none", `config-unreadable: FOLDER/none: ${missing}; `],
  ["config print FOLDER", `config-unreadable: FOLDER: ${isFolder}; `],
  ["kubelet-config check --kubelet-version 1.33 FOLDER/none", `file-missing: FOLDER/none: ${missing}; check the path`],
  ["kubelet-config check --kubelet-version 1.33 FOLDER FOLDER/none", `file-is-folder: FOLDER: ${isFolder}; `],
  ["kubelet-config merge --kubelet-version 1.33 FOLDER", `file-is-folder: FOLDER: ${isFolder}; `],
])("a file error of `%s` is one line with its code, its path and the fix", async (command, line) => {
  const folder = trustedFolder();
  const { exitCode, stderr } = await runCommand(...command.replaceAll("FOLDER", folder).split(" "));
  expect([exitCode, stderr.split("\n").length]).toEqual([1, 2]);
  expect(stderr).toContain(`ocir-broker: ${line.replaceAll("FOLDER", folder)}`);
  expect(readdirSync(folder)).toEqual([]);
});
