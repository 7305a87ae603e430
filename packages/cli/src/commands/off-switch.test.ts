import { expect, test } from "vitest";
import { runCommand } from "../../test/command-run.ts";

test.each(["disable", "enable"])(
  "ocir-broker %s fails with the reason when ocir-broker is not installed",
  async (name) => {
    expect(await runCommand(name)).toMatchObject({
      exitCode: 1,
      stdout: "",
      stderr: expect.stringContaining("/usr/libexec/ocir-broker/setup"),
    });
  },
);
