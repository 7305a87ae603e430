/** Prometheus's own checker, if it is installed (Debian: package prometheus). */
import { spawnSync } from "node:child_process";

const PROMTOOL = "promtool";

export const hasPromtool = spawnSync(PROMTOOL, ["--version"]).error === undefined;

/** Appended to a test's title, so that a skipped test shows the reason. */
export const promtoolNote = hasPromtool ? "" : " (skipped: needs promtool (prometheus))";

export function promtool(args: readonly string[], input = "") {
  const { status, stdout, stderr } = spawnSync(PROMTOOL, args, { input, encoding: "utf8" });
  return { status, output: stdout + stderr };
}
