import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { runCommand } from "./command-run.ts";

describe("a wrong command line ends with exit status 2 and one line", () => {
  test.each<[what: string, args: string[], line: string]>([
    [
      "an option that nearly exists",
      ["status", "--otput", "json"],
      "unknown option '--otput' (did you mean --output?); see ocir-broker status --help",
    ],
    [
      "a command that nearly exists",
      ["statis"],
      "unknown command 'statis' (did you mean status?); see ocir-broker --help",
    ],
    [
      "a missing argument",
      ["kubelet-config", "remove"],
      "missing required argument 'file'; see ocir-broker kubelet-config remove --help",
    ],
    ["an escape", ["get", "--\u001b[2J"], "unknown option '--?[2J'; see ocir-broker get --help"],
  ])("for %s", async (_what, args, line) => {
    expect(await runCommand(...args)).toEqual({
      exitCode: 2,
      stdout: "",
      stderr: `ocir-broker: usage-invalid: ${line}\n`,
    });
  });

  test("but prints the commands for none at all", async () => {
    const { exitCode, stdout, stderr } = await runCommand();
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("Commands:");
  });

  test("and not for help", async () => {
    expect(await runCommand("get", "--help")).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("Usage:") });
  });
});

describe("a fault of a file is one line with its code, its path and what to do", () => {
  // Root writes only where no other user can, which excludes /tmp.
  const folder = mkdtempSync(join(process.geteuid?.() === 0 ? "/run" : tmpdir(), "failure-"));
  const missing = join(folder, "none");
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each<[command: string, args: string[], line: string]>([
    ["config check", ["--config", missing], `config-unreadable: ${missing}: there is no such file or folder; `],
    ["config print", ["--config", folder], `config-unreadable: ${folder}: it is a folder, not a file; `],
    [
      "kubelet-config check",
      ["--kubelet-version", "1.33", missing],
      `file-missing: ${missing}: there is no such file or folder; check the path`,
    ],
    [
      "kubelet-config check",
      ["--kubelet-version", "1.33", folder, missing],
      `file-is-folder: ${folder}: it is a folder, not a file; `,
    ],
    [
      "kubelet-config merge",
      ["--kubelet-version", "1.33", folder],
      `file-is-folder: ${folder}: it is a folder, not a file; `,
    ],
    [
      "kubelet-config merge",
      ["--kubelet-version", "1.33", "--write", join(missing, "x")],
      `file-missing: ${missing}/x`,
    ],
  ])("of %s %j", async (command, args, line) => {
    const { exitCode, stderr } = await runCommand(...command.split(" "), ...args);
    expect([exitCode, stderr.split("\n").length]).toEqual([1, 2]);
    expect(stderr).toContain(`ocir-broker: ${line}`);
  });
});
