/** The broker and the simulator for one test, on a clock that the test drives: hours in seconds, over real sockets. */
import type { IamChange } from "@ocir-broker/oci-simulator/iam";
import { startSimulator } from "@ocir-broker/oci-simulator/simulator";
import { onTestFinished } from "vitest";
import { createDrivenClock } from "./driven-clock.ts";
import { startInProcess } from "./in-process-broker.ts";

export const HOST = "iad.ocir.io";

export type DrivenBroker = Awaited<ReturnType<typeof startDrivenBroker>>;

/** @param iam the tenancy from the start. */
export async function startDrivenBroker(options: { iam?: IamChange; nodeAheadMs?: number } = {}) {
  const clock = createDrivenClock();
  let aheadMs = options.nodeAheadMs ?? 0;
  const simulator = await startSimulator({ clock });
  onTestFinished(() => simulator.close());
  if (options.iam !== undefined) simulator.iam(options.iam);
  const broker = await startInProcess({
    clock: { ...clock, wallMs: () => clock.wallMs() + aheadMs },
    simulator,
    config: { registries: { endpoints: { [HOST]: simulator.registryUrl.origin } } },
    logLevel: "info",
  });
  onTestFinished(() => broker.close());
  return {
    /** The true time, which the simulator has. */
    clock,
    simulator,
    broker,
    /** Sets the node's wall clock ahead of the true time by this much. */
    setNodeAhead(ms: number): void {
      aheadMs = ms;
    },
    /** Advances the time, but never during a request. */
    pass: (ms: number) => clock.pass(ms, broker),
    /** The registry's status for a pull with this token. */
    async statusFor(token: string, repository: string): Promise<number> {
      const url = new URL(`/v2/${repository}/manifests/latest`, simulator.registryUrl);
      return (await fetch(url, { headers: { authorization: `Bearer ${token}` } })).status;
    },
  };
}
