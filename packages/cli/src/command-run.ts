/** Runs a command in this process, for tests: captures its output and the exit status it sets. */
import { reportFailure } from "./failure.ts";
import { createProgram } from "./program.ts";

export interface CommandRun {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

export async function runCommand(...args: readonly string[]): Promise<CommandRun> {
  const written = { stdout: "", stderr: "" };
  const restore = (["stdout", "stderr"] as const).map((name) => {
    const { write } = process[name];
    process[name].write = ((text: string | Uint8Array) => {
      written[name] += String(text);
      return true;
    }) as typeof write;
    return () => {
      process[name].write = write;
    };
  });
  process.exitCode = undefined;
  await createProgram().parseAsync(args, { from: "user" }).catch(reportFailure);
  for (const each of restore) each();
  const exitCode = Number(process.exitCode ?? 0);
  process.exitCode = undefined;
  return { ...written, exitCode };
}
