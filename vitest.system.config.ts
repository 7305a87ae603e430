import { defineConfig } from "vitest/config";

/**
 * Files that measure memory, or whose clock runs faster than real time: a busy neighbour would change what they see. And one that
 * keeps the processors busy.
 */
const NEED_QUIET = [
  "test/system/fault-matrix/*.test.ts",
  "test/system/hung-daemon.test.ts",
  "test/system/systemd-load.test.ts",
];

const limits = { testTimeout: 600_000, hookTimeout: 600_000 };

/**
 * The system tests: a real service manager, kills, installers. Most run two files at a time, because they wait more than
 * they compute. Long sweeps are left to `npm run test:long` (vitest.long.config.ts).
 */
export default defineConfig({
  test: {
    globalSetup: "test/run-folder.ts",
    reporters: process.env["CI"] ? ["default", ["json", { outputFile: "test-results/system.json" }]] : ["default"],
    projects: [
      {
        test: {
          ...limits,
          name: "parallel",
          include: ["test/system/**/*.test.ts"],
          exclude: NEED_QUIET,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: { ...limits, name: "quiet", include: NEED_QUIET, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
