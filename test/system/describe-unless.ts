/** Tests with a prerequisite: they are skipped without it, and their title says why. */
import { describe } from "vitest";

/** @param lack the missing prerequisite; undefined if there is none. */
export function describeUnless(lack: string | undefined, title: string, body: () => void): void {
  describe.skipIf(lack !== undefined)(`${title}${lack ? ` (skipped: ${lack})` : ""}`, body);
}
