import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new, empty folder with mode 0700. A run of vitest removes it at its end (test/run-folder.ts); elsewhere the caller does. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "ocir-"));
}
