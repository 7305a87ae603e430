import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { afterEach, expect, it, vi } from "vitest";
import { liveRun, withoutNames } from "./live-run.ts";

afterEach(() => void vi.unstubAllEnvs());

it("withoutNames replaces OCIDs, addresses and the tenancy's names, in all values", () => {
  const found = { failures: ['pull "us-ashburn-1.ocir.io/axyz/app:1" as ocid1.instance.oc1.iad.abc from 10.0.0.7'] };
  expect(withoutNames(found, ["us-ashburn-1.ocir.io", "axyz", "app"])).toEqual({
    failures: ['pull "NAME/NAME/NAME:1" as OCID from ADDRESS'],
  });
  // Terraform's errors have it before its output names the namespace.
  expect(withoutNames("PUT https://objectstorage.example/p/s3-Cr_t/n/axyz/b/live", [])).toBe(
    "PUT https://objectstorage.example/p/NAME/n/NAME/b/live",
  );
});

it("liveRun removes what it made and writes no credentials and no names if the steps in between fail", async () => {
  const folder = temporaryFolder();
  const calls = join(folder, "calls");
  const program = (name: string, script: string) => {
    writeFileSync(join(folder, name), `#!/bin/sh\necho "${name} $*" >>${calls}\n${script}\n`, { mode: 0o755 });
    return join(folder, name);
  };
  // So long that its rest would stay if the error were shortened first.
  const namespace = "axyz".repeat(30);
  const output = { registry_host: "r.ocir.io", namespace, repository: "canary", kubeconfig: "hunter2" };
  const values = Object.entries(output).map(([name, value]) => [name, { value }]);
  program("terraform", `[ $1 != output ] || echo '${JSON.stringify(Object.fromEntries(values))}'`);
  program("kubectl", `echo 'ocid1.cluster.a at r.ocir.io/${namespace}/canary:1 ${"-".repeat(600)}' >&2; exit 1`);
  const broker = program("ocir-broker", "exit 1");
  writeFileSync(join(folder, "a-linux-amd64.tar.gz"), "");
  vi.stubEnv("PATH", `${folder}:${process.env["PATH"]}`);
  const result = await liveRun({
    ...{ region: "r", tenancy: "ocid1.tenancy.a", compartment: "ocid1.compartment.b", image: "pause:1", broker },
    ...{ oracleLinux: "9", kubernetes: "v1.34.1", packages: folder, version: "1.2.3", say: () => {} },
  });
  expect(result.steps.filter(({ outcome }) => outcome === "passed").map(({ name }) => name)).toEqual([
    "terraform apply",
    "terraform destroy",
  ]);
  expect(JSON.stringify(result)).not.toMatch(/hunter2|axyz|canary|ocid1/);
  expect(readFileSync(calls, "utf8")).toMatch(
    /^terraform apply .*-var=node_script=\S*\/ocir-broker-node\.sh -var=may_pull=true\n(?:.*\n)*terraform destroy .*\n$/m,
  );
});
