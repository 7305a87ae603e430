import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, test } from "vitest";
import { createProgram } from "../program.ts";
import { allCommands, describeCommand } from "./command-tree.ts";
import { renderCompletion, SHELLS } from "./completion.ts";

const program = describeCommand(createProgram());

function linesOf(shell: string, ...args: string[]): string[] {
  return execFileSync(shell, args, { encoding: "utf8" }).split("\n").filter(Boolean);
}

/** The words that bash offers for a line whose last word is unfinished. */
function completeInBash(...words: string[]): string[] {
  const complete = `COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ocir_broker; printf "%s\\n" "\${COMPREPLY[@]}"`;
  return linesOf("bash", "--norc", "-c", `${renderCompletion("bash", program)}\n${complete}`, "bash", ...words);
}

function programOf(shell: string): string | undefined {
  return ["/bin", "/usr/bin", "/usr/local/bin"].map((folder) => `${folder}/${shell}`).find((path) => existsSync(path));
}

describe("renderCompletion", () => {
  test.each([
    [["ocir-broker", "doct"], ["doctor"]],
    [["ocir-broker", "config", "p"], ["print"]],
    [["ocir-broker", "status", "--watch", "--output", "y"], ["yaml"]],
    [["ocir-broker", "completion", "f"], ["fish"]],
    [["ocir-broker", "serve", "--config", "/etc/host"], expect.arrayContaining(["/etc/hosts"])],
    [["ocir-broker", "doctor", "--ro"], []],
  ])("completes %j in bash", (words, offered) => {
    expect(completeInBash(...words)).toEqual(offered);
  });

  test.each(SHELLS)("includes every command and option of --help, for %s", (shell) => {
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
    test.runIf(path)(`produces a script that ${shell} can parse`, () => {
      // Written to a file: not every version of fish checks its standard input.
      const script = join(temporaryFolder(), shell);
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
      return linesOf(String(zsh), "-f", "-c", script.join("\n"), "zsh", ...words);
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
      linesOf(String(fish), "--no-config", "-c", `${renderCompletion("fish", program)}\ncomplete -C '${line}'`).map(
        (each) => String(each.split("\t")[0]),
      );
    expect(complete("ocir-broker doct")).toEqual(["doctor"]);
    expect(complete("ocir-broker config pr")).toEqual(["print"]);
    expect(complete("ocir-broker status --output ")).toEqual(["json", "table", "yaml"]);
  });
});
