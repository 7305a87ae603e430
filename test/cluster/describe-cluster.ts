/** Runs tests on each minor version of Kubernetes that the run is for, or skips them by name if this machine cannot. */
import { describe, it } from "vitest";
import { SHORT_RUN } from "../summary/lacks.ts";
import { describeUnless } from "../system/describe-unless.ts";
import { canRunCluster, isShortRun } from "./can-run-cluster.ts";
import { NEWEST_MINOR } from "./programs.ts";

export const MINORS = (process.env["OCIR_BROKER_KUBERNETES"] ?? String(NEWEST_MINOR)).split(",").map(Number);

/** @param lack why this machine cannot run these tests, though it can run a cluster. */
export function describeCluster(title: string, body: (minor: number) => void, lack?: string): void {
  describeUnless(canRunCluster(MINORS) ?? lack, title, () => {
    describe.each(MINORS)("1.%i", body);
  });
}

/** A test that a short run leaves out. */
export function itUnlessShort(title: string, body: () => Promise<void>): void {
  it.skipIf(isShortRun)(`${title}${isShortRun ? ` (skipped: ${SHORT_RUN})` : ""}`, body);
}
