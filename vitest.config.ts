import { defineConfig } from "vitest/config";

const everything = { branches: 100, functions: 100, lines: 100, statements: 100 };

/** Tests that replace a module, or search their process's heap. The others share a worker, whose start costs more than most files. */
const ISOLATED = [
  "packages/cli/src/commands/serve.test.ts",
  "packages/config/src/config-copy.test.ts",
  "packages/credentials/src/service-accounts/forgotten-token.test.ts",
  "packages/credentials/src/tokens/caches.test.ts",
  "packages/credentials/src/service-accounts/pull-deadline.test.ts",
  "packages/foundation/src/time/clock.test.ts",
];

/**
 * `npm test`. Every test must pass on a busy machine: it moves a clock that is passed in, or waits for an event, so none fails because
 * something takes long. These wait for real time all the same, since what they test has no clock to pass in:
 *
 * - foundation/upstream, http-server/bounded-server: time limits of undici and Node, 50 to 200 ms
 * - native/shim: limits of the C programs, in builds with shorter ones
 * - test/e2e/get: pauses between tries of the built program
 * - test/e2e/doctor, test/e2e/ordinary-user: the time limit of the built `doctor`, 8.5 s, within which a healthy node must be examined
 */
export default defineConfig({
  test: {
    globalSetup: "test/run-folder.ts",
    testTimeout: 60_000,
    projects: [
      { extends: true, test: { name: "isolated", include: ISOLATED } },
      {
        extends: true,
        test: {
          name: "shared",
          isolate: false,
          include: ["packages/*/{src,test}/**/*.test.ts", "test/**/*.test.ts"],
          exclude: [...ISOLATED, "test/{system,cluster,machine}/**", "**/node_modules/**", "**/dist/**"],
        },
      },
    ],
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
        "packages/config/src/**": everything,
      },
    },
  },
});
