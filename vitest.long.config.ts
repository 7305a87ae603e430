import { defineConfig } from "vitest/config";

/**
 * `npm run test:long`: the system tests that have a longer form (more inputs, every step), in that form and
 * one file at a time. About an hour and a half; a weekly workflow runs it, `.ci/run` does not.
 */
export default defineConfig({
  test: {
    globalSetup: "test/run-folder.ts",
    include: [
      "test/system/daemonset.test.ts",
      "test/system/documentation.test.ts",
      "test/system/fault-matrix/*.test.ts",
      "test/system/fuzz/*.test.ts",
      "test/system/hung-daemon.test.ts",
      "test/system/hostile-clients.test.ts",
      "test/system/install-given-back.test.ts",
      "test/system/kubelet-oracle.test.ts",
      "test/system/soak.test.ts",
      "test/system/systemd-load.test.ts",
    ],
    env: { OCIR_BROKER_LONG_RUN: "1" },
    fileParallelism: false,
    testTimeout: 3_600_000,
    hookTimeout: 600_000,
    reporters: process.env["CI"] ? ["default", ["json", { outputFile: "test-results/long.json" }]] : ["default"],
  },
});
