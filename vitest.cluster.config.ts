import { defineConfig } from "vitest/config";

/** `npm run test:cluster`: the pull test on a real Kubernetes. Not part of `.ci/run`: building Kubernetes takes minutes. */
export default defineConfig({
  test: {
    include: ["test/cluster/**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 600_000,
    reporters: process.env["CI"] ? ["default", ["json", { outputFile: "test-results/cluster.json" }]] : ["default"],
  },
});
