/**
 * `npm run test:cluster`: builds a real Kubernetes, the newest that the tests know, and programs of products that read pull
 * secrets, and runs the tests in test/cluster with them, on CRI-O, as every OKE node does; containerd's part: vitest.system.config.ts.
 * With `--all` also with the oldest. With `--short`, as in CI, it skips the longer tests and most products'. With `--long`, as
 * `npm run test:long`, it runs all files with a longer form. With `--build`, it runs no test. With `--stay`, it runs no test either,
 * but keeps a cluster. If the tests cannot run, or if a build fails, it says why and ends with status 1.
 */
import { spawnSync } from "node:child_process";
import { endOfBuilds, lackAfter } from "../go-build.ts";
import { type Lack, recordLacks } from "../summary/lacks.ts";
import { canRunCluster, lackOfProgram } from "./can-run-cluster.ts";
import { buildConsumers } from "./consumer-programs.ts";
import { buildCriO, criOFolder, isCriOWanted } from "./cri-o.ts";
import { buildPrograms, NEWEST_MINOR } from "./programs.ts";
import { stay } from "./stay.ts";

const OLDEST_MINOR = 34;

const isShort = process.argv.includes("--short");
const isLong = process.argv.includes("--long");
const onlyBuilds = process.argv.includes("--build");
const stays = process.argv.includes("--stay");
const minors = process.argv.includes("--all") ? [NEWEST_MINOR, OLDEST_MINOR] : [NEWEST_MINOR];

const endsAtMs = endOfBuilds();
const lacks = buildKubernetes();
const reason = canRunCluster(minors);
if (reason === undefined) lacks.push(...buildContainerRuntime(), ...(stays ? [] : buildConsumers(isShort, endsAtMs)));
if (stays) {
  const lack = reason ?? lackOfProgram("kubectl", "kubernetes-client");
  if (lack !== undefined) throw new Error([lack, ...lacks.map((each) => each.reason)].join("; "));
  await stay(NEWEST_MINOR);
} else {
  recordLacks("cluster", lacks);
  const canRun = reason === undefined;
  // The other files with a longer form need no cluster.
  const status = onlyBuilds || (!canRun && !isLong) ? 0 : runTests();
  if (!canRun) console.error(`the tests on a real Kubernetes did not run: ${reason}`);
  if (canRun && isCriOWanted() && criOFolder() === undefined)
    console.error("CRI-O was not tried, because it is not built or lacks conmon: all tests ran on containerd");
  process.exitCode = canRun && lacks.every(({ cause }) => cause !== "error") ? status : 1;
}

/** @returns what this machine does not have, or what could not be built */
function buildKubernetes(): Lack[] {
  const lack = canRunCluster([]);
  if (lack !== undefined) return [{ cause: "machine", reason: lack }];
  return minors.flatMap((minor) => lackAfter(`Kubernetes 1.${minor}`, () => buildPrograms(minor, endsAtMs)));
}

function buildContainerRuntime(): Lack[] {
  if (!isCriOWanted()) return [];
  const lack = lackOfProgram("conmon", "conmon");
  if (lack !== undefined) return [{ cause: "machine", reason: `CRI-O ${lack}` }];
  return lackAfter("CRI-O", () => buildCriO(endsAtMs));
}

function runTests(): number {
  const mode = isLong ? "long" : "cluster";
  const { status } = spawnSync("vitest", ["run", "--config", "vitest.system.config.ts", "--mode", mode], {
    stdio: "inherit",
    env: {
      ...process.env,
      OCIR_BROKER_KUBERNETES: minors.join(","),
      OCIR_BROKER_CLUSTER_RUN: isShort ? "short" : "whole",
    },
  });
  return status ?? 1;
}
