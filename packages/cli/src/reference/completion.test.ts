import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { createProgram } from "../program.ts";
import { allCommands, describeCommand } from "./command-tree.ts";
import { renderCompletion, SHELLS } from "./completion.ts";

const program = describeCommand(createProgram());

/** The words that bash offers for a line whose last word is unfinished. */
function completeInBash(...words: string[]): string[] {
  const script = [
    renderCompletion("bash", program),
    `COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ocir_broker; printf "%s\\n" "\${COMPREPLY[@]}"`,
  ].join("\n");
  const said = execFileSync("bash", ["--norc", "-c", script, "bash", ...words], { encoding: "utf8" });
  return said.split("\n").filter(Boolean);
}

function programOf(shell: string): string | undefined {
  return ["/bin", "/usr/bin", "/usr/local/bin"].map((folder) => `${folder}/${shell}`).find((path) => existsSync(path));
}

describe("renderCompletion", () => {
  test.each([
    [["ocir-broker", "doct"], ["doctor"]],
    [
      ["ocir-broker", "config", ""],
      ["check", "print", "schema", "--help", "-h"],
    ],
    [["ocir-broker", "config", "p"], ["print"]],
    [
      ["ocir-broker", "doctor", "--output", ""],
      ["text", "json"],
    ],
    [["ocir-broker", "status", "--watch", "--output", "y"], ["yaml"]],
    [["ocir-broker", "completion", "f"], ["fish"]],
    [["ocir-broker", "serve", "--config", "/etc/host"], expect.arrayContaining(["/etc/hosts"])],
    [["ocir-broker", "doctor", "--ro"], []],
  ])("completes %j in bash", (words, offered) => {
    expect(completeInBash(...words)).toEqual(offered);
  });

  test.each(SHELLS)("has every command and option that --help has, for %s", (shell) => {
    const script = renderCompletion(shell, program);
    for (const { path, options } of allCommands(program)) {
      expect(script).toContain(path.join(" "));
      for (const name of options.flatMap(({ names }) => names)) {
        expect(script).toContain(
          shell === "fish" ? `${name.startsWith("--") ? "-l" : "-s"} ${name.replace(/^-+/, "")}` : name,
        );
      }
    }
  });

  for (const shell of SHELLS) {
    const path = programOf(shell);
    test.runIf(path)(`is a script that ${shell} can read`, () => {
      const directory = mkdtempSync(join(tmpdir(), "ocir-completion-"));
      onTestFinished(() => rmSync(directory, { recursive: true }));
      // Written to a file: not every version of fish checks its standard input.
      const script = join(directory, shell);
      writeFileSync(script, renderCompletion(shell, program));
      const flag = shell === "fish" ? "--no-execute" : "-n";
      execFileSync(String(path), [flag, script], { stdio: ["ignore", "pipe", "inherit"] });
    });
  }

  const zsh = programOf("zsh");
  test.runIf(zsh)("completes in zsh", () => {
    // Each function of zsh's completion system is replaced by one that prints its input.
    const system = [
      "compdef() { }",
      `_describe() { print -l -- "\${(@P)2}"; }`,
      "compadd() { shift; print -l -- $@; }",
      "_files() { print files; }",
    ];
    const complete = (...words: string[]): string[] => {
      const script = [...system, renderCompletion("zsh", program), "words=($@ '') CURRENT=$#words; _ocir_broker"];
      const said = execFileSync(String(zsh), ["-f", "-c", script.join("\n"), "zsh", ...words], { encoding: "utf8" });
      return said.split("\n").filter(Boolean);
    };
    expect(complete("ocir-broker", "config").map((each) => each.split(":")[0])).toEqual([
      ...["check", "print", "schema", "--help", "-h"],
    ]);
    expect(complete("ocir-broker", "doctor", "--output")).toEqual(["text", "json"]);
    expect(complete("ocir-broker", "serve", "--config")).toEqual(["files"]);
  });

  const fish = programOf("fish");
  test.runIf(fish)("completes in fish", () => {
    const complete = (line: string): string[] =>
      execFileSync(String(fish), ["--no-config", "-c", `${renderCompletion("fish", program)}\ncomplete -C '${line}'`], {
        encoding: "utf8",
      })
        .split("\n")
        .map((each) => String(each.split("\t")[0]))
        .filter(Boolean);
    expect(complete("ocir-broker doct")).toEqual(["doctor"]);
    expect(complete("ocir-broker config pr")).toEqual(["print"]);
    expect(complete("ocir-broker status --output ")).toEqual(["json", "table", "yaml"]);
  });
});
