import { execFile } from "node:child_process";
import os from "node:os";
import { promisify } from "node:util";
import { expect, onTestFinished, test, vi } from "vitest";
import { loadOciSdk } from "./sdk-loader.ts";

const run = promisify(execFile);

test("loadOciSdk works in a process without a home directory, and puts os.homedir back", async () => {
  const noHome = (): string => {
    throw new Error("ENOENT: uv_os_homedir");
  };
  const homedir = vi.spyOn(os, "homedir").mockImplementation(noHome);
  onTestFinished(() => homedir.mockRestore());
  const before = os.homedir;

  await expect(loadOciSdk()).resolves.toHaveProperty("buildFederationRequest");
  expect(os.homedir).toBe(before);
});

test("loadOciSdk prints nothing where it finds no home for its user", async () => {
  const program = `
    import os from "node:os";
    os.homedir = () => { throw new Error("ENOENT"); };
    const { loadOciSdk } = await import(${JSON.stringify(new URL("./sdk-loader.ts", import.meta.url).href)});
    const { findRegionByName } = await loadOciSdk();
    process.exitCode = findRegionByName("icn")?.id === "ap-seoul-1" ? 0 : 1;`;

  const { stdout, stderr } = await run(process.execPath, ["--input-type=module", "--eval", program], { env: {} });

  expect({ stdout, stderr }).toEqual({ stdout: "", stderr: "" });
});
