import { defineConfig } from "vitest/config";

const everything = { branches: 100, functions: 100, lines: 100, statements: 100 };

export default defineConfig({
  test: {
    include: ["packages/*/src/**/*.test.ts", "test/**/*.test.ts"],
    exclude: ["test/{system,cluster}/**", "**/node_modules/**", "**/dist/**"],
    testTimeout: 60_000,
    // Many tests wait: the default of one worker on two cores leaves half of the time unused.
    maxWorkers: "100%",
    reporters: process.env["CI"] ? ["default", ["json", { outputFile: "test-results/test.json" }]] : ["default"],
    coverage: {
      enabled: Boolean(process.env["CI"]),
      provider: "v8",
      reporter: ["text-summary"],
      include: ["packages/*/src/**/*.ts"],
      exclude: ["**/*.test.ts"],
      thresholds: {
        branches: 90,
        "packages/protocol/src/**": everything,
        "packages/expiring-cache/src/**": everything,
        "packages/kubelet-config/src/**": everything,
        "packages/ocir/src/{image,host-rules}.ts": everything,
        "packages/broker/src/config/**": everything,
      },
    },
  },
});
