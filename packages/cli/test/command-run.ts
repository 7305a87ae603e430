/** Runs a command in this process, for tests: captures its output and the exit status it sets. */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { onTestFinished, vi } from "vitest";
import { reportFailure } from "../src/failure.ts";
import { createProgram } from "../src/program.ts";

export function runCommand(...args: readonly string[]) {
  return runCaptured(() =>
    createProgram()
      .parseAsync(args, { from: "user" })
      .then(() => {}, reportFailure),
  );
}

export async function runCaptured(run: () => Promise<void>) {
  const written = { stdout: "", stderr: "" };
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      written[name] += String(text);
      return true;
    }),
  );
  process.exitCode = undefined;
  await run();
  for (const spy of spies) spy.mockRestore();
  const exitCode = Number(process.exitCode ?? 0);
  process.exitCode = undefined;
  return { ...written, exitCode };
}

/** A folder in which commands of this user write: root only where no other user can, which excludes /tmp. Until the test ends. */
export function trustedFolder(): string {
  if (process.geteuid?.() !== 0) return temporaryFolder();
  const folder = mkdtempSync(join("/run", "ocir-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}
