/** For tests: a new folder on a tmpfs, as state needs it, which is removed when the test has finished. */
import { mkdtempSync, rmSync } from "node:fs";
import { onTestFinished } from "vitest";

export function stateFolder(): string {
  const folder = mkdtempSync("/dev/shm/ocir-");
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}
