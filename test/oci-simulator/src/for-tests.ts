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

/** Lines of the instance's key and certificates: if one of these texts leaks, its lines do. */
export async function identityLines({ metadataUrl }: Pick<Simulator, "metadataUrl">): Promise<string[]> {
  const headers = { authorization: "Bearer Oracle" };
  const fetched = ["cert", "key", "intermediate"].map((name) =>
    fetch(`${metadataUrl}/identity/${name}.pem`, { headers }),
  );
  const texts = await Promise.all(fetched.map(async (response) => (await response).text()));
  return texts.flatMap((text) => text.split("\n").filter((line) => line.length >= 40 && !line.startsWith("-")));
}
