/** Runs the supervisor (built here on first use) and tells what becomes of the daemon that it keeps. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

const BUILD = join(import.meta.dirname, "../../dist/bench");
const PROGRAM = join(BUILD, "supervisor");

export type SupervisorOrder = "restart" | "stop" | "close" | "open";

export interface Supervisor {
  /** Of the daemon that runs now; undefined while none does. */
  pid(): number | undefined;
  /** How often the daemon has been started. */
  starts(): number;
  order(order: SupervisorOrder): void;
  /** SIGTERM to the daemon, then until both have ended. */
  stop(): Promise<void>;
}

export interface SupervisorOptions {
  /** Where the sockets are to be. */
  readonly directory: string;
  readonly logPath: string;
  /** The daemon's command line. */
  readonly command: readonly string[];
  /** `started PID`, `ready PID`, `ended PID STATUS`. */
  readonly onLine: (line: string) => void;
}

/** Resolves once the daemon has said that it is ready. */
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
