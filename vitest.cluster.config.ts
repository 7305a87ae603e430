import { defineConfig } from "vitest/config";

/** `npm run test:cluster`: the tests on a real Kubernetes, which test/cluster/main.ts builds. */
export default defineConfig({
  test: {
    globalSetup: "test/run-folder.ts",
    include: ["test/cluster/**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 600_000,
    reporters: process.env["CI"] ? ["default", ["json", { outputFile: "test-results/cluster.json" }]] : ["default"],
  },
});
