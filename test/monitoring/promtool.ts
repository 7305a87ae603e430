/** Prometheus's own checker, where it is installed (Debian: package prometheus). */
import { spawnSync } from "node:child_process";

const PROMTOOL = "promtool";

export const hasPromtool = spawnSync(PROMTOOL, ["--version"]).error === undefined;

/** Behind a test's title, so that one that is skipped says why. */
export const promtoolNote = hasPromtool ? "" : " (skipped: promtool is not installed)";

export function promtool(
  args: readonly string[],
  input = "",
): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(PROMTOOL, args, { input, encoding: "utf8" });
  return { status, output: stdout + stderr };
}
