/** `npm run live`: the first run in a tenancy, from Terraform to its removal. docs/first-run.md has cost, rights and clean-up. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import cliPackage from "../../packages/cli/package.json" with { type: "json" };
import { liveRun } from "./live-run.ts";

const USAGE = `usage: npm run live -- --region REGION --tenancy OCID --compartment OCID [options]

  --oracle-linux 8|9        of the node; default 9
  --kubernetes VERSION      of cluster and node; default v1.34.1
  --image IMAGE             is copied into the repository; default registry.k8s.io/pause:3.10
  --on-node COMMAND         runs the shell script on its stdin on the node, as root, where it finds Node 26; default: kubectl debug
  --packages FOLDER         of npm run package, or of a release; default dist/packages
  --output FILE             the result; default live-run.json
`;

/** Checked first: without one, a run would fail after it has made the cluster. */
const PROGRAMS = ["terraform", "kubectl", "helm", "skopeo"];

const OPTIONS = {
  region: { type: "string" },
  tenancy: { type: "string" },
  compartment: { type: "string" },
  "oracle-linux": { type: "string", default: "9" },
  kubernetes: { type: "string", default: "v1.34.1" },
  image: { type: "string", default: "registry.k8s.io/pause:3.10" },
  "on-node": { type: "string" },
  packages: { type: "string", default: join(import.meta.dirname, "../../dist/packages") },
  output: { type: "string", default: "live-run.json" },
} as const;

function given() {
  try {
    return parseArgs({ options: OPTIONS }).values;
  } catch (error) {
    return fail((error as Error).message);
  }
}

function fail(problem: string): never {
  process.stderr.write(`${USAGE}\n${problem}\n`);
  process.exit(2);
}

const { region, tenancy, compartment, ...values } = given();
const missing = PROGRAMS.filter((name) => spawnSync("sh", ["-c", `command -v ${name}`]).status !== 0);
if (region === undefined || tenancy === undefined || compartment === undefined) {
  fail("--region, --tenancy and --compartment are required");
} else if (missing.length > 0) {
  fail(`not found: ${missing.join(", ")}`);
} else {
  const result = await liveRun({
    ...{ region, tenancy, compartment, image: values.image, kubernetes: values.kubernetes },
    oracleLinux: values["oracle-linux"],
    onNode: values["on-node"]?.split(" "),
    broker: join(import.meta.dirname, "../../dist/ocir-broker"),
    packages: values.packages,
    version: cliPackage.version,
    say: (line) => void process.stderr.write(`${line}\n`),
  });
  writeFileSync(values.output, `${JSON.stringify(result, null, 2)}\n`);
  process.stderr.write(`${values.output}: read it, and attach it to an issue\n`);
  if (result.steps.some(({ outcome }) => outcome === "failed")) process.exitCode = 1;
}
