/**
 * Measures how 1000 slow clients affect other calls: whole shim processes with and without them, taking turns in one run.
 * The clients run in their own process and reconnect when they are cut off. The median turn counts, so that a disturbance
 * of one turn does not.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SHIM } from "../daemon.ts";
import { medianOf } from "./median.ts";
import { spawnTimes, type Times } from "./spawn-times.ts";

const CLIENTS_PROGRAM = join(import.meta.dirname, "slow-clients-process.ts");
const CLIENTS = 1_000;
const TURNS = 15;
const CALLS_A_TURN = 2_000;
/** Pause after the clients have connected or gone. */
const PAUSE_MS = 1_000;

interface Percentiles {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface SlowClientFigures {
  readonly clients: number;
  readonly alone: Percentiles;
  readonly beside: Percentiles;
  /** Ratio of calls with the clients to calls without; the limit for the second is 1.2. */
  readonly p50Ratio: number;
  readonly p99Ratio: number;
}

/** @throws Error if a call fails, which is worse than a slow one. */
export async function slowClientFigures(socket: string, requestPath: string): Promise<SlowClientFigures> {
  const time = (): Times => spawnTimes(CALLS_A_TURN, 1, requestPath, { shim: { socket, program: SHIM } }).shim;
  time();
  const turns: Record<"alone" | "beside", Times[]> = { alone: [], beside: [] };
  for (let turn = 0; turn < TURNS; turn += 1) {
    turns.alone.push(time());
    const clients = spawn(process.execPath, [CLIENTS_PROGRAM, socket, String(CLIENTS)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(clients.stdout, "data");
    await sleep(PAUSE_MS);
    turns.beside.push(time());
    clients.kill();
    await once(clients, "exit");
    await sleep(PAUSE_MS);
  }
  const [alone, beside] = [middleOf(turns.alone), middleOf(turns.beside)];
  const p50Ratio = beside.p50Ms / alone.p50Ms;
  return { clients: CLIENTS, alone, beside, p50Ratio, p99Ratio: beside.p99Ms / alone.p99Ms };
}

export function printSlowClients({ clients, alone, beside, p50Ratio, p99Ratio }: SlowClientFigures): void {
  const row = (name: string, p50: number, p99: number, unit: string): void =>
    console.log(`  ${name.padEnd(24)} ${p50.toFixed(3).padStart(7)} ${p99.toFixed(3).padStart(7)}${unit}`);
  console.log(`beside ${clients} slow clients    p50     p99`);
  row("alone", alone.p50Ms, alone.p99Ms, " ms");
  row("beside them", beside.p50Ms, beside.p99Ms, " ms");
  row("ratio", p50Ratio, p99Ratio, ` ×   bar: p99 ≤ 1.2${p99Ratio > 1.2 ? "   MISSED" : ""}`);
}

function middleOf(turns: readonly Times[]): Percentiles {
  return { p50Ms: medianOf(turns.map(({ p50Ms }) => p50Ms)), p99Ms: medianOf(turns.map(({ p99Ms }) => p99Ms)) };
}
