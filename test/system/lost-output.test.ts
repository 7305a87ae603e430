/**
 * A command that changes the node goes on when nobody reads its output any more, or when that cannot be written. It ends as without,
 * with the same exit status.
 */
import { expect, it } from "vitest";
import { describeUnless } from "./describe-unless.ts";
import { givenNode } from "./install/given-node.ts";
import { PROGRAM } from "./install/oke-node.ts";
import { isLongRun } from "./long-run.ts";
import { canBootSystemd } from "./systemd-root/systemd-root.ts";

/** After an installation. */
const COMMANDS = [
  "node connect --dry-run",
  "node connect",
  "disable",
  "enable",
  "node status",
  "node disconnect",
  "node remove --dry-run",
  "node remove",
];

const FULL = ">/dev/full 2>/dev/full";
/** The ends of a shell's line: a reader that leaves after some lines, and a full disk. */
const LOST = [
  "2>&1 | head -n 1 >/dev/null",
  FULL,
  ...(isLongRun ? [0, 2, 3, 4].map((lines) => `2>&1 | head -n ${lines} >/dev/null`) : []),
];

/** A snapshot takes longer than most commands. */
const COMPARED = /install|disable|remove$/;

describeUnless(canBootSystemd(), "a lost output", () => {
  const node = givenNode();

  /** The node's files and units after each command, which must succeed. */
  async function statesAfter(end: string): Promise<Readonly<Record<string, string>>> {
    const states: Record<string, string> = {};
    const calls = COMMANDS.map((command) => [PROGRAM, ...command.split(" ")]);
    for (const words of [await node.installCommand(), ...calls]) {
      // `head` may end before the command does.
      const script = `rm -f /run/ended; { "$@"; echo $? >/run/ended; } ${end}; until [ -s /run/ended ]; do sleep 0.1; done`;
      await node.root.run("sh", ["-c", script, "sh", ...words]);
      const command = words.slice(1).join(" ");
      // To print is all that a dry run does.
      const isUnprinted = end === FULL && command.includes("--dry-run");
      expect(node.root.read("/run/ended").toString(), `${command} ${end}`).toBe(isUnprinted ? "1\n" : "0\n");
      if (!COMPARED.test(command)) continue;
      const withoutTimes = (await node.snapshot()).replaceAll(/ [\d.]+ /g, " ");
      states[command] = withoutTimes.replace(/^.*\/disabled .*\n/m, "");
    }
    return states;
  }

  it("does not change what nine commands do to a node, nor their exit status", async () => {
    const states = await statesAfter(">/run/said 2>&1");
    for (const end of LOST) expect(await statesAfter(end), end).toEqual(states);
  });
});
