/**
 * The provenance of a release: an in-toto statement with SLSA's predicate (slsa.dev/spec/v1.0/provenance). It names the commit and
 * the run that made the files; the signature of SHA256SUMS covers it. The forge's own attestation states the same independently.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { NODE_SCRIPT } from "../node-script.ts";
import { CHECKOUT } from "../release.ts";
import { releaseSums, sha256Of } from "./sums.ts";

/** `environment` has GitHub's variables in a workflow; elsewhere the builder is "a checkout". */
export function provenance(folder: string, environment: NodeJS.ProcessEnv): string {
  const statement = {
    _type: "https://in-toto.io/Statement/v1",
    subject: [...releaseSums(folder)].map(([name, sha256]) => ({ name, digest: { sha256 } })),
    predicateType: "https://slsa.dev/provenance/v1",
    predicate: {
      buildDefinition: {
        buildType: "urn:ocir-broker:npm-run-package:v1",
        externalParameters: { baseUrl: baseUrlIn(folder) },
        resolvedDependencies: [
          { name: "source", ...sourceUri(environment), digest: { gitCommit: commit() } },
          { name: "package-lock.json", digest: { sha256: sha256Of(join(CHECKOUT, "package-lock.json")) } },
        ],
      },
      runDetails: builderOf(environment),
    },
  };
  return `${JSON.stringify(statement, null, 2)}\n`;
}

function commit(): string {
  return execFileSync("git", ["rev-parse", "HEAD"], { cwd: CHECKOUT, encoding: "utf8" }).trim();
}

function baseUrlIn(folder: string): string {
  return /^sources='(.*)'/m.exec(readFileSync(join(folder, NODE_SCRIPT), "utf8"))?.[1] ?? "";
}

function sourceUri(environment: NodeJS.ProcessEnv): { uri?: string } {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_REF: ref } = environment;
  return server === undefined ? {} : { uri: `git+${server}/${repository}@${ref}` };
}

function builderOf(environment: NodeJS.ProcessEnv): object {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: run } = environment;
  if (server === undefined) return { builder: { id: "urn:ocir-broker:checkout" } };
  return {
    builder: { id: `${server}/${environment["GITHUB_WORKFLOW_REF"]}` },
    metadata: { invocationId: `${server}/${repository}/actions/runs/${run}` },
  };
}
