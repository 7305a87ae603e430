/** Runs a program of the person's machine. */
import { execFile } from "node:child_process";

interface RunOptions {
  readonly input?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** @returns its stdout. Rejects with the end of its stderr if it fails. */
export function runProgram(command: readonly string[], { input = "", cwd, env }: RunOptions = {}): Promise<string> {
  const [program = "", ...args] = command;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const settings = { cwd, env: { ...process.env, ...env }, maxBuffer: 1 << 26 };
  const child = execFile(program, args, settings, (error, stdout, stderr) => {
    if (error === null) resolve(stdout);
    else reject(new Error(`${program} ${args[0] ?? ""}: ${stderr.trim().slice(-500) || error.message}`));
  });
  // A program may end without reading its input.
  child.stdin?.on("error", () => {}).end(input);
  return promise;
}
