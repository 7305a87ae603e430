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
  /** Before each call. Default: 0. */
  readonly pauseMs?: number;
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
  { rounds, parallel = 1, pauseMs = 0 }: Rounds,
  requestPath: string,
  variants: readonly Variant[],
): string[] {
  const counts = [rounds, parallel, pauseMs].map(String);
  return [...counts, requestPath, ...variants.map(({ socket, program }) => `${socket}=${program}`)];
}

/** @throws Error as `spawnTimes` does */
export function readTimes<Name extends string>(names: readonly Name[], lines: string): Record<Name, Times> {
  const runs = lines
    .trim()
    .split("\n")
    .map((line) => line.split(" ").map(Number) as [number, number, number, number]);
  for (const [variant, , status, bytes] of runs) {
    const name = names[variant] as Name;
    if (status !== 0 || (name !== "noop" && bytes === 0)) throw new Error(`${name}: exit ${status}, ${bytes} bytes`);
  }
  const figures = names.map((name, index) => [name, timesOf(runs.filter(([variant]) => variant === index))]);
  return Object.fromEntries(figures) as Record<Name, Times>;
}

function timesOf(runs: readonly (readonly number[])[]): Times {
  const sorted = runs.map(([, ns]) => (ns as number) / 1e6).sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}
