/** Requests credentials for one image through the plugin, as the kubelet does. */
import { decodeCredentialProviderResponse } from "@ocir-broker/kubelet-config/response";
import type { ProgramResult } from "@ocir-broker/node/program-run";
import { API_VERSION } from "@ocir-broker/protocol/contract";
import { InstallError } from "../install-error.ts";
import { SHIM } from "../installed-files.ts";
import { readInstanceMetadata } from "./instance-metadata.ts";
import type { NodeContext } from "./node-context.ts";

/** Above the plugin's own limit of 25 s. */
const LIMIT_MS = 30_000;
/** Of a daemon that is only slow: what it does first takes as much of a processor as its start. */
const CALLS = 4;
/** Any region will do if the node's is unknown. */
const REGION_LIMIT_MS = 3_000;
const MAX_REASON = 600;

/** Errors of Oracle's services do not fail the check, because the daemon retries them. */
const CLOUD_ERROR = /^ocir-broker: (?!shim-|config-)[a-z][a-z-]*: /;

/** @throws {InstallError} `plugin` if no daemon responds to any of four calls, or if a kubelet could not decode the response. */
export async function checkDaemonAnswers(node: NodeContext): Promise<void> {
  const region = await readInstanceMetadata(node, "/instance/canonicalRegionName", REGION_LIMIT_MS);
  const request = {
    kind: "CredentialProviderRequest",
    apiVersion: API_VERSION,
    image: `${region ?? "us-ashburn-1"}.ocir.io/ocir-broker/check`,
  };
  const call = () =>
    node.runProgram({
      path: node.disk.at(SHIM),
      args: [],
      stdin: `${JSON.stringify(request)}\n`,
      limitMs: LIMIT_MS,
    });
  let result = await call();
  for (let calls = 1; calls < CALLS && isTimeout(result); calls += 1) result = await call();
  if ("silent" in result) throw new InstallError("plugin", "the plugin did not respond");
  if ("failure" in result) throw new InstallError("plugin", `the plugin could not be started: ${result.failure}`);
  const { exitCode, signal, stdout, stderr } = result;
  const said = stderr.trim().slice(0, MAX_REASON);
  if (exitCode === 0) {
    const response = decodeCredentialProviderResponse(stdout);
    if (!("problem" in response)) return;
    throw new InstallError("plugin", `the plugin's response cannot be decoded: ${response.problem}`);
  }
  if (!CLOUD_ERROR.test(said)) throw new InstallError("plugin", `the plugin ended with ${exitCode ?? signal}: ${said}`);
  node.say(`no credentials yet: ${said}`);
}

function isTimeout(result: ProgramResult): boolean {
  return "stderr" in result && result.stderr.startsWith("ocir-broker: shim-timeout: ");
}
