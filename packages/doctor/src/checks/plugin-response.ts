/**
 * Calls the plugin as the kubelet does, with the same input, arguments and environment, and checks its response. The output is
 * credentials or unknown text, so evidence holds only shapes, our own error codes and key names.
 */
import { durationMs } from "@ocir-broker/config/duration";
import { Secret } from "@ocir-broker/foundation/secret";
import { decodeCredentialProviderResponse } from "@ocir-broker/kubelet-config/response";
import { type Invocation, invocationIn } from "@ocir-broker/node/credential-provider-files";
import type { ProgramResult } from "@ocir-broker/node/program-run";
import { attempt } from "../attempt.ts";
import { type Check, type CheckContext, causeOf } from "../check-context.ts";
import { type Finding, finding, notChecked } from "../finding.ts";
import { failuresOfServiceAccounts } from "./daemon.ts";
import { pluginError, pluginPath } from "./plugin.ts";
import { serviceAccountAccess } from "./service-accounts/service-account-access.ts";

/** For the plugin itself, after the daemon's deadline. */
const SLACK_MS = 1_000;

/** Stands in for the image if none is given: only the host matters. */
const ANY_REPOSITORY = "ocir-broker/doctor";

export const checkPluginResponse: Check = async (context) => {
  const path = await pluginPath(context);
  const error = pluginError(path, context);
  if (error !== undefined) return notChecked("the plugin's response", error.name, `${path} cannot be run`);
  const { credentials: credentialsSocket } = context.config.sockets;
  if (context.files.isForbidden(credentialsSocket)) {
    return finding("needs-root", `the plugin's response: only root may use ${credentialsSocket}`);
  }
  const host = await attempt(context.registryHost());
  if ("error" in host) {
    const needs = "it needs the host's name from an image or the identity's region";
    return notChecked("the plugin's response", causeOf(host.error), needs);
  }
  // The kubelet strips tag and digest.
  const image = `${host.value}/${context.imageName?.repository ?? ANY_REPOSITORY}`;
  // The kubelet calls our credential provider for no other registry's image, and that registry must not see a token.
  if (!(await context.cloud.isRegistry(host.value))) return [];
  const limitMs = durationMs(context.config.request.deadline) + SLACK_MS;
  const invocation = invocationIn((await context.credentialProviderFiles())?.files ?? []);
  const result = await context.runProgram({
    path: context.files.locate(path),
    args: invocation.args,
    env: { OCIR_BROKER_SOCKET: context.files.locate(credentialsSocket), ...invocation.env },
    stdin: `${JSON.stringify(requestFor(image, invocation, context))}\n`,
    limitMs,
  });
  if ("silent" in result) return finding("plugin-silent", `${path}: no response in ${limitMs / 1_000} s`);
  const answered = tokenIn(result, invocation, path);
  if (!("token" in answered)) return answered;
  const { token, evidence } = answered;
  const { serviceAccountToken } = context;
  const response = finding("plugin-response-ok", evidence);
  if (serviceAccountToken === undefined) return response;
  if (token.reveal() === "") {
    const failures = await failuresOfServiceAccounts(context);
    return failures.length > 0 ? failures : finding("service-account-failed", `${path}: only an anonymous entry`);
  }
  return [response, await serviceAccountAccess(serviceAccountToken, token, context)];
};

function requestFor(image: string, { apiVersion }: Invocation, { serviceAccountToken, config }: CheckContext): object {
  const request = { kind: "CredentialProviderRequest", apiVersion, image } as const;
  if (serviceAccountToken === undefined) return request;
  const serviceAccountAnnotations = { [config.serviceAccounts.annotation]: "service-account" };
  return { ...request, serviceAccountToken: serviceAccountToken.reveal(), serviceAccountAnnotations };
}

/** The registry token of a valid response, or what is wrong with an invalid one. */
function tokenIn(
  result: Exclude<ProgramResult, { readonly silent: unknown }>,
  { apiVersion }: Invocation,
  path: string,
): Finding | { readonly token: Secret; readonly evidence: string } {
  if ("failure" in result) return finding("plugin-failed", `${path}: ${result.failure}`);
  const { exitCode, signal, stdout, stderr, elapsedMs } = result;
  if (exitCode !== 0) {
    const code = /^ocir-broker: ([a-z][a-z-]{2,60}): /.exec(stderr)?.[1];
    const said = code === undefined ? `${stderr.length} characters on stderr` : `code ${code}`;
    return finding("plugin-failed", `${path}: exit status ${exitCode ?? signal}, ${said}`);
  }
  const response = decodeCredentialProviderResponse(stdout, apiVersion);
  if ("problem" in response) {
    return finding("plugin-response-garbage", `${path}: ${stdout.length} characters on stdout: ${response.problem}`);
  }
  const [first] = response.auth.values();
  if (first === undefined) return finding("plugin-response-anonymous", `${path}: auth is empty`);
  const evidence = `${path}: in ${Math.round(elapsedMs)} ms, for ${response.auth.size} entries of auth`;
  return { token: new Secret(first.password), evidence };
}
