/** The daemon as its unit starts it, with a simulator as its cloud. */
import { rmSync } from "node:fs";
import { startSimulator } from "@ocir-broker/oci-simulator/simulator";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { type DaemonOptions, daemonConfig, LAUNCHED, startDaemon } from "../daemon.ts";

/** Ended and removed with the scope that it is used in. */
export async function startStage(options: DaemonOptions) {
  const directory = temporaryFolder();
  const simulator = await startSimulator();
  const config = daemonConfig(directory, simulator, options);
  const daemon = await startDaemon(config, ...LAUNCHED);
  return {
    ...{ directory, simulator, config, daemon },
    async [Symbol.asyncDispose](): Promise<void> {
      await daemon.stop();
      await simulator.close();
      rmSync(directory, { recursive: true });
    },
  };
}
