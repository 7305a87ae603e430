import { defineConfig } from "vitest/config";
import { criOFolder } from "./test/cluster/cri-o.ts";

/**
 * Files that measure memory, or whose clock runs faster than real time: a busy neighbour would change what they see. And one that
 * keeps the processors busy.
 */
const NEED_QUIET = ["test/system/fault-matrix/*.test.ts", "test/system/systemd-load.test.ts"];

/** Files with a longer form (more inputs, every step). */
const WITH_LONG_FORM = [
  ...NEED_QUIET,
  "packages/pull-secrets/test/decide.properties.test.ts",
  "packages/daemonset/src/rollout.properties.test.ts",
  "test/cluster/pull-secrets.test.ts",
  "test/cluster/pull-secrets-scale.test.ts",
  "test/system/boot.test.ts",
  "test/system/first-boot.test.ts",
  "test/system/first-boot-matrix.test.ts",
  "test/system/fuzz/*.test.ts",
  "test/system/hostile-pods.test.ts",
  "test/system/kubelet-oracle.test.ts",
  "test/system/lost-output.test.ts",
  "test/system/soak.test.ts",
];

const limits = { testTimeout: 600_000, hookTimeout: 600_000 };
const alone = { ...limits, maxWorkers: 1 };

/**
 * The system tests: a real service manager, kills, installers. Most run two files at a time, because they wait more than
 * they compute.
 */
const SYSTEM = [
  {
    ...limits,
    name: "parallel",
    include: ["test/system/**/*.test.ts"],
    exclude: NEED_QUIET,
    maxWorkers: 2,
    sequence: { groupOrder: 0 },
  },
  { ...alone, name: "quiet", include: NEED_QUIET, sequence: { groupOrder: 1 } },
];

/** The long forms take about an hour and a half; a weekly workflow runs them, `.ci/run` does not. */
const LONG = [
  { ...alone, name: "long", include: WITH_LONG_FORM, env: { OCIR_BROKER_LONG_RUN: "1" }, testTimeout: 3_600_000 },
];

/**
 * The tests on a real Kubernetes, which test/cluster/main.ts builds. Two clusters at a time, because most of a test waits. In a whole run,
 * files with hundreds of pods or a kill a second run alone, and on CRI-O, two files run on containerd too.
 */
const ON_CONTAINERD = ["test/cluster/pull-story.test.ts", "test/cluster/service-accounts.test.ts"];
const HEAVY = [...ON_CONTAINERD, "test/cluster/restarts.test.ts", "test/cluster/pull-secrets-scale.test.ts"];
const SHORT_CLUSTER = { ...limits, name: "cluster", include: ["test/cluster/**/*.test.ts"], maxWorkers: 2 };
const containerd = {
  ...alone,
  name: "containerd",
  include: ON_CONTAINERD,
  env: { OCIR_BROKER_RUNTIME: "containerd" },
  sequence: { groupOrder: 2 },
};
const WHOLE_CLUSTER = [
  { ...SHORT_CLUSTER, exclude: HEAVY, sequence: { groupOrder: 0 } },
  { ...alone, name: "heavy", include: HEAVY, sequence: { groupOrder: 1 } },
  ...(criOFolder() === undefined ? [] : [containerd]),
];
const CLUSTER = process.env["OCIR_BROKER_CLUSTER_RUN"] === "whole" ? WHOLE_CLUSTER : [SHORT_CLUSTER];

/**
 * The tests in a virtual machine, which test/machine/main.ts builds. One at a time, because a machine takes both processors. Without KVM, a
 * boot takes minutes.
 */
const machines = (name: string, ...files: readonly string[]) => [
  { ...alone, name, include: files.map((file) => `test/machine/${file}.test.ts`), testTimeout: 7_200_000 },
];

const MACHINES = {
  machine: machines("machine", "first-boot"),
  "machine-long": machines("machine-long", "images", "power-cuts"),
};

/**
 * What `npm run test:system`, `test:long`, `test:cluster` and `test:machine` run: the mode is `long`, `cluster`, `machine` or
 * `machine-long`; otherwise these are the system tests.
 */
export default defineConfig(({ mode }) => ({
  test: {
    globalSetup: "test/run-folder.ts",
    reporters: process.env["CI"] ? ["default", ["json", { outputFile: `test-results/${mode}.json` }]] : ["default"],
    projects: ({ long: LONG, cluster: CLUSTER, ...MACHINES }[mode] ?? SYSTEM).map((test) => ({ test })),
  },
}));
