/**
 * `npm run test:cluster`: builds a real Kubernetes, the newest that the tests know, and programs of products that read pull
 * secrets, and runs the tests in test/cluster with them, on CRI-O, as every OKE node does; containerd's part: vitest.system.config.ts.
 * With `--all` also with the oldest. With `--short`, as in CI, it skips the longer tests and most products', and skips all of
 * them if Kubernetes cannot be built in time. With `--long`, as `npm run test:long`, it runs all files with a longer form. With
 * `--stay`, it runs no test, but keeps a cluster.
 */
import { spawnSync } from "node:child_process";
import { canRunCluster, lackOfProgram } from "./can-run-cluster.ts";
import { buildConsumers } from "./consumer-programs.ts";
import { buildCriO, criOFolder, isCriOWanted } from "./cri-o.ts";
import { buildPrograms, NEWEST_MINOR } from "./programs.ts";
import { stay } from "./stay.ts";

const OLDEST_MINOR = 34;
/** About twice as long as a build takes on two cores. */
const SHORT_BUILD_LIMIT_MS = 15 * 60_000;

const isShort = process.argv.includes("--short");
const stays = process.argv.includes("--stay");
const mode = process.argv.includes("--long") ? "long" : "cluster";
const minors = process.argv.includes("--all") ? [NEWEST_MINOR, OLDEST_MINOR] : [NEWEST_MINOR];
if (canRunCluster([]) === undefined) {
  try {
    for (const minor of minors) buildPrograms(minor, isShort ? SHORT_BUILD_LIMIT_MS : undefined);
    if (!stays) buildConsumers(isShort);
  } catch (error) {
    if (!isShort) throw error;
    console.error(error);
  }
  try {
    buildCriO(isShort ? SHORT_BUILD_LIMIT_MS : undefined);
  } catch (error) {
    console.error(error);
  }
}
const reason = canRunCluster(minors);
if (reason !== undefined && !stays) console.log(`the tests on a real Kubernetes are skipped: ${reason}`);
if (stays) {
  const lack = reason ?? lackOfProgram("kubectl", "kubernetes-client");
  if (lack !== undefined) throw new Error(lack);
  await stay(NEWEST_MINOR);
} else {
  const { status } = spawnSync("vitest", ["run", "--config", "vitest.system.config.ts", "--mode", mode], {
    stdio: "inherit",
    env: {
      ...process.env,
      OCIR_BROKER_KUBERNETES: minors.join(","),
      OCIR_BROKER_CLUSTER_RUN: isShort ? "short" : "whole",
    },
  });
  if (isCriOWanted() && criOFolder() === undefined)
    console.log("CRI-O was not tried, because it is not built or lacks conmon: all tests ran on containerd");
  process.exitCode = status ?? 1;
}
