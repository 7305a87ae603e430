/** Runs tests on each minor version of Kubernetes that the run is for, or skips them by name if this machine cannot. */
import { describe } from "vitest";
import { canRunCluster } from "./can-run-cluster.ts";
import { NEWEST_MINOR } from "./programs.ts";

const MINORS = (process.env["OCIR_BROKER_KUBERNETES"] ?? String(NEWEST_MINOR)).split(",").map(Number);

export function describeCluster(title: string, body: (minor: number) => void): void {
  const skipped = canRunCluster(MINORS);
  describe.skipIf(skipped !== undefined)(`${title}${skipped ? ` (skipped: ${skipped})` : ""}`, () => {
    describe.each(MINORS)("1.%i", body);
  });
}
