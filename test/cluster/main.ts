/**
 * `npm run test:cluster`: builds a real Kubernetes, the newest that the tests know, and runs the tests in test/cluster with it.
 * With `--all` also with the oldest; with `--if-built` it builds nothing, because a build takes minutes.
 */
import { spawnSync } from "node:child_process";
import { canRunCluster } from "./can-run-cluster.ts";
import { buildPrograms, NEWEST_MINOR } from "./programs.ts";

const OLDEST_MINOR = 34;

const minors = process.argv.includes("--all") ? [NEWEST_MINOR, OLDEST_MINOR] : [NEWEST_MINOR];
if (!process.argv.includes("--if-built") && canRunCluster([]) === undefined) minors.forEach(buildPrograms);
const reason = canRunCluster(minors);
if (reason !== undefined) console.log(`the tests on a real Kubernetes are skipped: ${reason}`);
const { status } = spawnSync("vitest", ["run", "--config", "vitest.cluster.config.ts"], {
  stdio: "inherit",
  env: { ...process.env, OCIR_BROKER_KUBERNETES: minors.join(",") },
});
process.exitCode = status ?? 1;
