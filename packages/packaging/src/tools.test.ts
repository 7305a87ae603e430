import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it } from "vitest";

const GO = String.raw`Go 1\.21 or newer \(https:\/\/go\.dev\/dl\)`;

/** What it says where the only program is a Go of this version. */
function said(args: readonly string[], go: string): string {
  const folder = join(temporaryFolder(), "bin");
  mkdirSync(folder);
  writeFileSync(join(folder, "go"), `#!/bin/sh\necho "go version ${go} linux/amd64"\n`, { mode: 0o755 });
  const start = join(import.meta.dirname, "../start.mjs");
  const { status, stderr } = spawnSync(process.execPath, [start, ...args], { env: { PATH: folder }, encoding: "utf8" });
  expect(status).toBe(1);
  return stderr;
}

it.each([
  [[], "go1.19.8", `${GO}, and make, .*: sudo apt-get install .* gcc .*gcc-aarch64-linux-gnu .*`],
  [[], "go1.26.0", "make, .*: sudo apt-get install .* gcc .*gcc-aarch64-linux-gnu .*"],
  [["--for", "here"], "go1.19.8", "make, (?!.*cross|.*qemu|.*Go ).*"],
])("npm run package %j, with %s, names the missing tools and where they are, before npm ci", (args, go, missing) => {
  const head = "npm run package needs what is not here:\n {2}";
  expect(said(args, go)).toMatch(new RegExp(`^${head}${missing}\n$`));
});
