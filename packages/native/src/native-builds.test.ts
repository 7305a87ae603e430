import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

test("make builds again what another compiler built, and nothing for the same one", () => {
  const directory = mkdtempSync(join(tmpdir(), "ocir-broker-make-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
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
