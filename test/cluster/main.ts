/**
 * `npm run test:cluster`: builds a real Kubernetes, the newest that the tests know, and runs the tests in test/cluster with it.
 * With `--all` also with the oldest.
 */
import { spawnSync } from "node:child_process";
import { canRunCluster } from "./can-run-cluster.ts";
import { buildPrograms } from "./programs.ts";

const NEWEST = 37;
const OLDEST = 34;

const minors = process.argv.includes("--all") ? [NEWEST, OLDEST] : [NEWEST];
// Where it cannot run, the tests skip themselves and say why.
if (canRunCluster() === undefined) minors.forEach(buildPrograms);
const { status } = spawnSync("vitest", ["run", "--config", "vitest.cluster.config.ts"], {
  stdio: "inherit",
  env: { ...process.env, OCIR_BROKER_KUBERNETES: minors.join(",") },
});
process.exitCode = status ?? 1;
