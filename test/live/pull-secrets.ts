/** The controller of pull secrets, and the Secrets of two service accounts. Terraform's policy covers only that of `puller`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "@ocir-broker/testkit/until";
import { runProgram } from "../run-program.ts";
import type { Cluster } from "./cluster.ts";
import type { Made } from "./terraform.ts";

/** A policy takes a while to reach the registry. */
const POLICY_LIMIT_MS = 600_000;
const POLL_MS = 5_000;

/** @returns the seconds until the Secrets exist, and why the registry refuses the one without a policy. */
export async function usePullSecrets(cluster: Cluster, made: Made, chart: string, folder: string) {
  const names = ["puller", "other"];
  await cluster.installPullSecrets(chart, made.images, names);
  for (const name of names) await cluster.createServiceAccount(name);
  const startedAtMs = performance.now();
  for (const name of names) await cluster.createPullSecret(name, made.registryHost);
  const files = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, `${name}.json`);
      writeFileSync(path, await cluster.untilPullSecret(name), { mode: 0o600 });
      return path;
    }),
  );
  const seconds = Math.round((performance.now() - startedAtMs) / 1_000);
  const [allowed = "", denied = ""] = files;
  let refusal: string | undefined;
  const isPulled = async () => {
    refusal = await refusalOf(allowed, made.image);
    return refusal === undefined;
  };
  await until(() => `the Secret of puller, which has a policy, works: ${refusal}`, isPulled, POLICY_LIMIT_MS, POLL_MS);
  const message = await refusalOf(denied, made.image);
  if (message === undefined) throw new Error("the Secret of a service account without a policy was accepted");
  return { seconds, denied: message };
}

/** Reads the image's manifest with the Secret's credentials alone. Undefined if the registry allows it. */
function refusalOf(authFile: string, image: string): Promise<string | undefined> {
  return runProgram(["skopeo", "inspect", "--raw", "--authfile", authFile, `docker://${image}`]).then(
    () => undefined,
    (error: Error) => error.message,
  );
}
