import { chmodSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { setup, teardown } from "./run-folder.ts";

it.skipIf(process.geteuid?.() === 0)("the run's folder is removed with a folder in it that nobody may enter", () => {
  vi.stubEnv("TMPDIR", process.env["TMPDIR"]);
  onTestFinished(() => void vi.unstubAllEnvs());
  setup();
  const folder = String(process.env["TMPDIR"]);
  mkdirSync(join(folder, "a/b/c"), { recursive: true });
  for (const name of ["a/b", "a"]) chmodSync(join(folder, name), 0);
  teardown();
  expect(existsSync(folder)).toBe(false);
});
