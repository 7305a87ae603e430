import { expect, test, vi } from "vitest";
import { runCommand } from "../test/command-run.ts";

test.each(["disable", "enable", "node install", "node remove"])(
  "ocir-broker %s refuses a user who is not root",
  async (words) => {
    using _user = vi.spyOn(process, "geteuid").mockReturnValue(1_000);
    expect(await runCommand(...words.split(" "))).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: "ocir-broker: not-root: run it as root\n",
    });
  },
);
