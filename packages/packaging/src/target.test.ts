import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { installCommand } from "./target.ts";

it("installCommand names each package once, in one command", () => {
  const missing = [
    { program: "make", debianPackages: "make" },
    { program: "cc", debianPackages: "gcc binutils make" },
  ];
  expect(installCommand(missing)).toBe("sudo apt-get install -y --no-install-recommends binutils gcc make");
  expect(installCommand([])).toBeUndefined();
});

it("npm run package lists missing programs and the command that installs them", () => {
  const main = `${import.meta.dirname}/main.ts`;
  const env = { PATH: "/nowhere" };
  const { status, stderr } = spawnSync(process.execPath, [main, "/nowhere/out"], { env, encoding: "utf8" });
  expect([status, stderr]).toEqual([1, expect.stringMatching(/ {2}make \(Debian packages make\)\n/)]);
  expect(stderr).toMatch(/Install it with\n {2}sudo apt-get install .* gcc .* golang-go .* patchelf .* tar\n$/);
});
