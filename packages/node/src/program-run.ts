/**
 * Runs one program and waits for it: the plugin as the kubelet runs it, or a program that prints its version. The caller
 * must pass a path that only root can change (trusted-path.ts) or the bare name of a system program, and must not print the
 * output unchanged. The output is bounded.
 */
import { spawn } from "node:child_process";
import type { Clock } from "@ocir-broker/foundation/time/clock";

export interface ProgramRun {
  readonly path: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** SIGKILL after this time. Default: that of `createRunProgram`. */
  readonly limitMs?: number;
}

export type ProgramResult =
  /** `exitCode` is null if a signal ended it. */
  | {
      readonly exitCode: number | null;
      readonly signal: string | null;
      readonly stdout: string;
      readonly stderr: string;
      readonly elapsedMs: number;
    }
  | { readonly silent: true }
  /** The errno code, if it could not be started. */
  | { readonly failure: string };

export function isSuccess(result: ProgramResult): result is Extract<ProgramResult, { stdout: string }> {
  return "exitCode" in result && result.exitCode === 0;
}

export type RunProgram = (run: ProgramRun) => Promise<ProgramResult>;

/** As systemd sets it for a service. */
const SERVICE_ENVIRONMENT = {
  LANG: "C.UTF-8",
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
};

/** Of a program that only prints something, for a person who waits. */
const LIMIT_MS = 3_000;

const MAX_OUTPUT_BYTES = 256 * 1024;

export function createRunProgram(clock: Clock, defaultLimitMs = LIMIT_MS): RunProgram {
  return ({ path, args, env, stdin = "", limitMs = defaultLimitMs }) => {
    const { promise, resolve } = Promise.withResolvers<ProgramResult>();
    const startedAtMs = clock.monotonicMs();
    // `detached`: Ctrl-C ends only this process, which still needs its programs to undo what it has done.
    const child = spawn(path, args, { env: { ...SERVICE_ENVIRONMENT, ...env }, cwd: "/", detached: true });
    const limit = clock.setTimer(() => {
      child.kill("SIGKILL");
      resolve({ silent: true });
    }, limitMs);
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    child.on("error", (error: NodeJS.ErrnoException) => {
      limit.cancel();
      resolve({ failure: error.code ?? "EIO" });
    });
    child.on("close", (exitCode, signal) => {
      limit.cancel();
      const elapsedMs = clock.monotonicMs() - startedAtMs;
      resolve({ exitCode, signal, stdout: stdout(), stderr: stderr(), elapsedMs });
    });
    // A program may exit without reading its input; like the kubelet, ignore the broken pipe.
    child.stdin.on("error", () => {});
    child.stdin.end(stdin);
    return promise;
  };
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const pieces: Buffer[] = [];
  let bytes = 0;
  stream.on("data", (piece: Buffer) => {
    bytes += piece.length;
    if (bytes <= MAX_OUTPUT_BYTES) pieces.push(piece);
  });
  return () => Buffer.concat(pieces).toString();
}
