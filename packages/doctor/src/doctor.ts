/** Runs all checks in parallel within one time limit; findings are ordered causes first. */
import { createNetwork } from "@ocir-broker/node/network";
import { createNodeFiles, type NodeFiles } from "@ocir-broker/node/node-files";
import { createRunProgram } from "@ocir-broker/node/program-run";
import { DISABLED_FILE } from "@ocir-broker/protocol/contract";
import { type Check, type CheckContext, createCheckContext, type NamedCheck } from "./check-context.ts";
import { CHECKS_BY_IDENTITY_PROVIDER } from "./checks/by-identity-provider.ts";
import { checkDaemon } from "./checks/daemon.ts";
import { checkKubeletConfig } from "./checks/kubelet/kubelet-config.ts";
import { checkKubeletFlags } from "./checks/kubelet/kubelet-flags.ts";
import { checkRegistryPath } from "./checks/network-path.ts";
import { checkPlugin } from "./checks/plugin.ts";
import { checkPluginResponse } from "./checks/plugin-response.ts";
import { checkProxy } from "./checks/proxy.ts";
import { checkRegistry } from "./checks/registry.ts";
import { checkSelinux } from "./checks/selinux.ts";
import { checkServiceAccounts } from "./checks/service-accounts/service-accounts.ts";
import { checkSocket } from "./checks/socket.ts";
import { createCloud } from "./cloud.ts";
import type { DoctorOptions } from "./doctor-options.ts";
import { type Finding, finding } from "./finding.ts";
import type { RecordedRequest } from "./recorded-requests.ts";

const NODE_CHECKS: readonly NamedCheck[] = [
  ["kubelet's credential provider configuration", checkKubeletConfig],
  ["plugin", checkPlugin],
  ["SELinux", checkSelinux],
  ["kubelet", checkKubeletFlags],
];

const PROXY_CHECKS: readonly NamedCheck[] = [["proxy", checkProxy]];

const REGISTRY_CHECKS: readonly NamedCheck[] = [
  ["network to the registry", checkRegistryPath],
  ["registry", checkRegistry],
];

const PULL_CHECKS: readonly NamedCheck[] = [
  ["service accounts", checkServiceAccounts],
  ["credentials socket", checkSocket],
  ["daemon", checkDaemon],
  ["plugin's response", checkPluginResponse],
];

/** Left out on a node that is switched off: `ocir-broker disable` causes their findings. */
const CHECKS_WHILE_ON: ReadonlySet<Check> = new Set([checkPlugin, checkSocket, checkDaemon, checkPluginResponse]);

/** Start and exit of the program included, doctor takes ten seconds at most. */
const LIMIT_MS = 8_500;

export interface DoctorResult {
  readonly findings: readonly Finding[];
  /** The responses of Oracle's services, secrets included: never to be printed. */
  readonly requests: readonly RecordedRequest[];
}

/** Never rejects because of an error on the node; an exception in a check becomes a finding too. */
export async function diagnose(options: DoctorOptions): Promise<DoctorResult> {
  const { clock, limitMs = LIMIT_MS } = options;
  const ending = new AbortController();
  const cloud = createCloud({ ...options, signal: ending.signal });
  const context = createCheckContext({
    ...options,
    ownerId: options.ownerId ?? 0,
    files: createNodeFiles(options.root ?? "/"),
    network: options.network ?? createNetwork(clock),
    runProgram: options.runProgram ?? createRunProgram(clock),
    cloud,
    signal: ending.signal,
  });
  const { promise: timeUp, resolve } = Promise.withResolvers<undefined>();
  const limit = clock.setTimer(() => resolve(undefined), limitMs);
  try {
    // In the order of the report: causes before their consequences.
    const identityChecks = [...PROXY_CHECKS, ...CHECKS_BY_IDENTITY_PROVIDER[cloud.provider], ...REGISTRY_CHECKS];
    const isNode = options.isNode !== false;
    const switchedOff = isNode ? offSwitchFindings(context.files) : [];
    const checks = (isNode ? [...NODE_CHECKS, ...identityChecks, ...PULL_CHECKS] : identityChecks).filter(
      ([, check]) => switchedOff.length === 0 || !CHECKS_WHILE_ON.has(check),
    );
    const found = await Promise.all(checks.map(([topic, check]) => runCheck(topic, check, context, timeUp)));
    return { findings: [...switchedOff, configFinding(options), ...found.flat()], requests: cloud.requests };
  } finally {
    limit.cancel();
    ending.abort();
    await cloud.close();
  }
}

async function runCheck(
  topic: string,
  check: Check,
  context: CheckContext,
  timeUp: Promise<undefined>,
): Promise<readonly Finding[]> {
  try {
    const found = await Promise.race([check(context), timeUp]);
    return found ?? [finding("out-of-time", topic)];
  } catch (error) {
    // The message may contain text that was read; the class name does not.
    return [finding("check-failed", `${topic}: ${error instanceof Error ? error.name : "unknown"}`)];
  }
}

/** One finding if `ocir-broker disable` has switched the node off. The stopped units are then no errors. */
function offSwitchFindings(files: NodeFiles): readonly Finding[] {
  const stats = files.lstat(DISABLED_FILE);
  if ("failure" in stats) return [];
  return [finding("switched-off", `${DISABLED_FILE}, since ${stats.value.mtime.toISOString()}`)];
}

function configFinding({ configError, configSource }: DoctorOptions): Finding {
  return configError === undefined
    ? finding("broker-config-ok", configSource)
    : finding("broker-config-invalid", configError);
}
