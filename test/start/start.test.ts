import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";

const start = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, "start.mjs"), ...args]);
  return { status, stdout: String(stdout), stderr: String(stderr) };
};

it("npm start prints its usage for --help, without installing anything", () => {
  expect(start("--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("--stay "), stderr: "" });
});

it("npm start refuses an unknown argument", () => {
  expect(start("--stai")).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/unknown argument --stai\nusage: /),
  });
});
