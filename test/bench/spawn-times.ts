/** Runs spawn-timer (built on first use) and parses its output. */
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

const BUILD = join(import.meta.dirname, "../../dist/bench");
const TIMER = join(BUILD, "spawn-timer");

export interface Variant {
  readonly socket: string;
  readonly program: string;
}

export interface Times {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Rounds {
  /** Calls of each variant, if `parallel` is 1. */
  readonly rounds: number;
  /** Default: 1. */
  readonly parallel?: number;
}

/**
 * The variants take turns, call by call.
 *
 * @throws Error if a process did not answer as expected, or exited with another status than 0.
 */
export function spawnTimes<Name extends string>(
  rounds: Rounds,
  requestPath: string,
  variants: Readonly<Record<Name, Variant>>,
): Record<Name, Times> {
  const names = Object.keys(variants) as Name[];
  const args = timerArguments(rounds, requestPath, Object.values<Variant>(variants));
  const lines = execFileSync(buildTimer(), args, { encoding: "utf8", maxBuffer: 1 << 28 });
  return readTimes(names, lines);
}

/** The program that prints one line for each process. */
export function buildTimer(): string {
  mkdirSync(BUILD, { recursive: true });
  execFileSync("cc", ["-static", "-O2", "-o", TIMER, join(import.meta.dirname, "spawn-timer.c")]);
  return TIMER;
}

export function timerArguments(
  { rounds, parallel = 1 }: Rounds,
  requestPath: string,
  variants: readonly Variant[],
): string[] {
  const counts = [rounds, parallel].map(String);
  return [...counts, requestPath, ...variants.map(({ socket, program }) => `${socket}=${program}`)];
}

/** The processes in the program's output: the index of each one's variant, its time, exit status and bytes of the response. */
export function runsIn(lines: string) {
  return lines
    .trim()
    .split("\n")
    .map((line) => {
      const [variant = 0, ns = 0, exitCode = 0, bytes = 0] = line.split(" ").map(Number);
      return { variant, ms: ns / 1e6, exitCode, bytes };
    });
}

/** @throws Error as `spawnTimes` does */
export function readTimes<Name extends string>(names: readonly Name[], lines: string): Record<Name, Times> {
  const runs = runsIn(lines);
  for (const { variant, exitCode, bytes } of runs) {
    const name = names[variant] as Name;
    if (exitCode !== 0 || (name !== "noop" && bytes === 0))
      throw new Error(`${name}: exit ${exitCode}, ${bytes} bytes`);
  }
  const figures = names.map((name, index) => {
    const sorted = runs.flatMap(({ variant, ms }) => (variant === index ? ms : [])).sort((a, b) => a - b);
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;
    return [name, { p50Ms: at(0.5), p99Ms: at(0.99) }];
  });
  return Object.fromEntries(figures) as Record<Name, Times>;
}
