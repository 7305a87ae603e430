import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";

it.each([
  [
    [],
    /^npm run package needs what is not here:\n {2}make, .* go: sudo apt-get install .* gcc .*gcc-aarch64-linux-gnu golang-go .*\n$/,
  ],
  [["--for", "here"], /^npm run package needs what is not here:\n {2}make, (?!.*(?:cross|qemu|golang)).*\n$/],
])("npm run package %j names the missing tools and the command that installs them, before npm ci", (args, said) => {
  const start = join(import.meta.dirname, "../start.mjs");
  const { status, stderr } = spawnSync(process.execPath, [start, ...args], {
    env: { PATH: "/nowhere" },
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([1, expect.stringMatching(said)]);
});
