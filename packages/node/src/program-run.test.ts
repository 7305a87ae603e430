import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { describe, expect, test } from "vitest";
import { createRunProgram } from "./program-run.ts";

const run = createRunProgram(createSystemClock());
const COMMON = { env: {}, stdin: "", limitMs: 20_000 };

describe("createRunProgram", () => {
  test("passes on input, arguments and environment, but not its own environment", async () => {
    const args = ["-c", 'cat; echo "$1 $WORD $HOME" >&2; exit 3', "sh", "argument"];
    const result = await run({ ...COMMON, path: "/bin/sh", args, env: { WORD: "word" }, stdin: "input" });
    expect(result).toMatchObject({ exitCode: 3, signal: null, stdout: "input", stderr: "argument word \n" });
  });

  test("reports why a program cannot be started", async () => {
    expect(await run({ ...COMMON, path: "/no/such/program", args: [] })).toEqual({ failure: "ENOENT" });
  });

  test("succeeds when the program does not read its input", async () => {
    const result = await run({ ...COMMON, path: "/bin/true", args: [], stdin: "x".repeat(1_000_000) });
    expect(result).toMatchObject({ exitCode: 0 });
  });

  test("truncates output that exceeds the limit", async () => {
    const result = await run({ ...COMMON, path: "/bin/sh", args: ["-c", "head -c 2000000 /dev/zero"] });
    expect("stdout" in result ? result.stdout.length : 0).toBeLessThanOrEqual(256 * 1024);
  });

  test("runs a program that Ctrl-C does not reach", async () => {
    const args = ["-c", 'echo $$; cut -d " " -f 5 "/proc/$$/stat"'];
    const result = await run({ ...COMMON, path: "/bin/sh", args });
    const [pid, group] = "stdout" in result ? result.stdout.split("\n") : [];
    expect(group).toBe(pid);
  });

  test("kills a program that exceeds its time limit", async () => {
    const clock = createFakeClock();
    const result = createRunProgram(clock)({ ...COMMON, path: "/bin/sleep", args: ["60"], limitMs: 500 });
    await clock.advance(500);
    expect(await result).toEqual({ silent: true });
  });
});
