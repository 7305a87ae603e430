/** Runs a program of this machine. */
import { type ExecFileOptions, execFile } from "node:child_process";

/** `env` is this process's by default. */
type RunOptions = Pick<ExecFileOptions, "cwd" | "env"> & { readonly input?: string | undefined };

/** @returns its stdout. Rejects with its stderr if it fails. */
export function runProgram(command: readonly string[], { input, cwd, env }: RunOptions = {}): Promise<string> {
  const [program = "", ...args] = command;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = execFile(program, args, { cwd, env, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
    if (error === null) resolve(stdout);
    else reject(new Error(`${program} ${args[0] ?? ""}: ${stderr.trim() || error.message}`, { cause: error }));
  });
  // A program may end without reading its input.
  child.stdin?.on("error", () => {}).end(input);
  return promise;
}
