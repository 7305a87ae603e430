import { execFileSync } from "node:child_process";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, test } from "vitest";

test("make rebuilds for another compiler, and builds nothing for the same one", () => {
  const directory = temporaryFolder();
  const program = join(directory, "do-nothing-provider");
  const otherCompiler = join(directory, "other-cc");
  writeFileSync(otherCompiler, '#!/bin/sh\nexec cc "$@"\n', { mode: 0o755 });

  function builtBy(compiler: string): number {
    const variables = [`DIST=${directory}`, `BUILD=${join(directory, "build")}`, `CC=${compiler}`];
    execFileSync("make", ["--silent", ...variables, program], { cwd: join(import.meta.dirname, "..") });
    return statSync(program).ino;
  }

  const first = builtBy("cc");
  expect(builtBy("cc")).toBe(first);
  expect(builtBy(otherCompiler)).not.toBe(first);
});
