import { defineConfig } from "vitest/config";

/** The long runs: a real service manager, kills, chaos, soak, installers. One file at a time: they share the machine. */
export default defineConfig({
  test: {
    include: ["test/system/**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 120_000,
    reporters: process.env["CI"] ? ["default", ["json", { outputFile: "test-results/system.json" }]] : ["default"],
  },
});
