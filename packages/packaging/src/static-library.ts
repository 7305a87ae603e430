/** Detects the C library of a static program: musl's start in half the time, so a release must not contain another by accident. */
import { readFileSync } from "node:fs";
import type { Target } from "./target.ts";

/** Occurs in each static program with glibc, whose start-up code reads this variable, and in none with musl. */
const OF_GLIBC = "GLIBC_TUNABLES";

/** @throws {Error} if the program is not linked with the target's library. */
export function checkStaticLibrary(program: string, { staticLibrary, compiler, debianPackages }: Target): void {
  const found = readFileSync(program).includes(OF_GLIBC) ? "glibc" : "musl";
  if (found === staticLibrary) return;
  throw new Error(
    `${program} is linked with ${found}, not ${staticLibrary}: install ${compiler} from the Debian packages ${debianPackages}`,
  );
}
