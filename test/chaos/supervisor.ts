/** Runs the supervisor (built on first use), and reports starts and exits of its daemon. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

const BUILD = join(import.meta.dirname, "../../dist/bench");
const PROGRAM = join(BUILD, "supervisor");

export type SupervisorOrder = "restart" | "stop" | "close" | "open";

export interface Supervisor {
  /** Process id of the running daemon; undefined if there is none. */
  pid(): number | undefined;
  /** Number of starts of the daemon. */
  starts(): number;
  order(order: SupervisorOrder): void;
  /** Sends SIGTERM to the daemon, and waits until both have ended. */
  stop(): Promise<void>;
}

export interface SupervisorOptions {
  /** The sockets' folder. */
  readonly directory: string;
  readonly logPath: string;
  /** The daemon's command line. */
  readonly command: readonly string[];
  /** `started PID`, `ready PID`, `ended PID STATUS`. */
  readonly onLine: (line: string) => void;
}

/** Resolves after the daemon's readiness notification. */
export async function startSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  mkdirSync(BUILD, { recursive: true });
  execFileSync("cc", ["-D_GNU_SOURCE", "-O2", "-o", PROGRAM, join(import.meta.dirname, "supervisor.c")]);
  const child: ChildProcess = spawn(PROGRAM, [options.directory, options.logPath, ...options.command], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const ready = Promise.withResolvers<void>();
  let pid: number | undefined;
  let starts = 0;
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
    const [word, number] = line.split(" ");
    if (word === "started") {
      pid = Number(number);
      starts += 1;
    }
    if (word === "ended") pid = undefined;
    if (word === "ready") ready.resolve();
    options.onLine(line);
  });
  await Promise.race([ready.promise, ended.then(() => Promise.reject(new Error("the supervisor ended")))]);
  return {
    pid: () => pid,
    starts: () => starts,
    order: (order) => void child.stdin?.write(`${order}\n`),
    async stop() {
      child.stdin?.end();
      await ended;
    },
  };
}
