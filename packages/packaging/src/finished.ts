import { execFile } from "node:child_process";
import { promisify } from "node:util";

const OUTPUT_LIMIT_BYTES = 64 << 20;

const run = promisify(execFile);

/** Runs a program to its end. @returns its output. @throws {Error} with it, if the exit status is not 0. */
export async function finished(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  try {
    const { stdout } = await run(program, args, { maxBuffer: OUTPUT_LIMIT_BYTES, ...options });
    return stdout;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${args.join(" ")} failed:\n${stdout}${stderr}`, { cause: error });
  }
}
