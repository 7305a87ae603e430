/** For tests: one simulator for the tests of a file. */
import { afterAll, beforeEach } from "vitest";
import { type Simulator, type SimulatorOptions, startSimulator } from "./simulator.ts";

/** Reset before each test, and closed after the last one. Call it outside of all tests. */
export async function sharedSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await startSimulator(options);
  beforeEach(() => simulator.reset());
  afterAll(() => simulator.close());
  return simulator;
}
