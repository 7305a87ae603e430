/** Vitest's global set-up: one folder for all temporary files of a run, removed at its end. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

let folder: string;

export function setup(): void {
  folder = mkdtempSync(join(tmpdir(), "ocir-run-"));
  // Some tests start a program as another user.
  chmodSync(folder, 0o711);
  process.env["TMPDIR"] = folder;
}

export function teardown(): void {
  // A test may leave a folder that nobody may enter.
  execFileSync("chmod", ["-R", "u+rwX", folder]);
  rmSync(folder, { recursive: true, maxRetries: 10 });
}
