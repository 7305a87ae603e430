import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

const MAIN = join(import.meta.dirname, "main.ts");

test.each([
  [["--nonsense"], "Unknown option '--nonsense'"],
  [["--token-life", "0"], "--token-life must be a whole number from 1"],
  [["--ca-file", "/tmp/x"], "--ca-file is of use only with --tls"],
  [["--instance-metadata", "x"], "--instance-metadata must be KEY=VALUE"],
  [["--metadata", "here"], "not an address with a port: here"],
  [["--metadata", "127.0.0.1:65536"], "should be >= 0 and < 65536"],
])("npm run simulator rejects %j", (args, message) => {
  const { status, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8" });
  expect([status, stderr]).toEqual([1, expect.stringContaining(message)]);
});
