/** The man pages agree with --help and with the schema of the configuration. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describeConfigKeys } from "@ocir-broker/credentials/config/keys";
import { describe, expect, test } from "vitest";
import { createProgram } from "../../program.ts";
import { STATE_TRANSITIONS, STATES } from "../../status-states.ts";
import { allCommands, type CommandNode, describeCommand } from "../command-tree.ts";
import { renderManPages } from "./man-page.ts";
import { EXAMPLES } from "./man-text.ts";

const CHECKOUT = join(import.meta.dirname, "../../../../..");

const program = describeCommand(createProgram());
const pages = renderManPages(program, describeConfigKeys());

describe("renderManPages", () => {
  test("refers to a page that has a row for each state", () => {
    const [path = ""] = STATE_TRANSITIONS.split(" ");
    const rows = readFileSync(join(CHECKOUT, path), "utf8").matchAll(/^\| `([a-z-]+)` \|/gm);
    expect([...new Set([...rows].map(([, state]) => state))]).toEqual(Object.keys(STATES));
  });

  test("includes every command, option and argument of --help", () => {
    for (const { path, options, arguments: given } of allCommands(program)) {
      const page = pages.find(({ fileName }) => fileName === `${path.slice(0, 2).join("-")}.1`);
      const text = page?.text.replaceAll("\\-", "-");
      for (const { flags } of options) expect(text).toContain(`.B ${flags}`);
      for (const { term } of given) expect(text).toContain(`.B ${term}`);
    }
  });

  test("describes every option, argument and configuration key", () => {
    const described = allCommands(program).flatMap(({ options, arguments: given }) => [...options, ...given]);
    expect(described.filter(({ description }) => description === "")).toEqual([]);
    const page = pages.find(({ fileName }) => fileName === "ocir-broker.yaml.5")?.text;
    for (const { section, key } of describeConfigKeys()) expect(page).toContain(`.B ${section}.${key}\n`);
  });

  test.each(program.commands.map(({ path }) => path.join(" ")))("has valid examples of %s", (command) => {
    expect(EXAMPLES[command]).not.toHaveLength(0);
    for (const [line] of EXAMPLES[command] ?? []) {
      const [words = []] = line.split(/ [|>] /).map((each) => each.split(" "));
      const called = commandCalledBy(words);
      expect(called.path.join(" ")).toMatch(new RegExp(`^${command}`));
      expect(called.commands).toEqual([]);
      const known = called.options.flatMap(({ names }) => names);
      expect(words.filter((word) => word.startsWith("-") && !known.includes(word))).toEqual([]);
    }
  });

  test("escapes text that roff would read as a request", () => {
    const description = ".begins with a dot, has a \\ and ends";
    const [page] = renderManPages(
      { path: ["x"], description, usage: "x", options: [], arguments: [], commands: [] },
      [],
    );
    expect(page?.text).toContain("\n\\&.begins with a dot, has a \\e and ends.\n");
  });

  test.runIf(existsSync("/usr/bin/groff"))("produces pages that groff formats without a warning", () => {
    for (const { text } of pages) {
      const args = ["-man", "-Tutf8", "-ww", "-z"];
      const said = execFileSync("/bin/sh", ["-c", `groff ${args.join(" ")} 2>&1`], { input: text, encoding: "utf8" });
      expect(said).toBe("");
    }
  });
});

function commandCalledBy([, ...words]: readonly string[], command: CommandNode = program): CommandNode {
  const inner = command.commands.find(({ path }) => path.at(-1) === words[0]);
  return inner === undefined ? command : commandCalledBy(words, inner);
}
