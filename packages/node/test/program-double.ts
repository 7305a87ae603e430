/** Results of programs that do not run. */
import type { ProgramResult } from "../src/program-run.ts";

type Exited = Extract<ProgramResult, { stdout: string }>;

/** A program that has printed this text and succeeded, unless `exit` says otherwise. */
export function printed(stdout: string, exit: Partial<Exited> = {}): Exited {
  return { exitCode: 0, signal: null, stdout, stderr: "", elapsedMs: 1, ...exit };
}
