/** Runs all checks in parallel within one time limit; findings are ordered causes first. */
import { durationMs } from "@ocir-broker/config/duration";
import { createNodeFiles } from "@ocir-broker/node/node-files";
import { createRunProgram } from "@ocir-broker/node/program-run";
import { DISABLED_FILE } from "@ocir-broker/protocol/contract";
import { type Check, type CheckContext, createCheckContext, findingsOf, type NamedCheck } from "./check-context.ts";
import { checkDaemon } from "./checks/daemon.ts";
import { checkIdentity } from "./checks/identity.ts";
import { checkKubeletConfig } from "./checks/kubelet/kubelet-config.ts";
import { checkKubeletFlags } from "./checks/kubelet/kubelet-flags.ts";
import { checkOtherLogins } from "./checks/other-logins.ts";
import { checkPlugin, pluginPath } from "./checks/plugin.ts";
import { checkPluginResponse } from "./checks/plugin-response.ts";
import { checkRegistry } from "./checks/registry.ts";
import { checkSelinux } from "./checks/selinux.ts";
import { checkServiceAccounts } from "./checks/service-accounts/service-accounts.ts";
import { checkMaskedUnits, checkSocket } from "./checks/socket.ts";
import { createCloud } from "./cloud.ts";
import { withoutConsequences } from "./consequences.ts";
import { DIAGNOSES } from "./diagnoses.ts";
import type { DoctorOptions } from "./doctor-options.ts";
import { type Finding, finding, notChecked } from "./finding.ts";

const NODE_CHECKS: readonly NamedCheck[] = [
  ["kubelet's credential provider configuration", checkKubeletConfig],
  ["plugin", checkPlugin],
  ["SELinux", checkSelinux],
  ["kubelet", checkKubeletFlags],
  ["other logins", checkOtherLogins],
];

/** One finding if no file of ocir-broker is on the node. */
const checkInstalled: Check = async (context) => {
  const { credentials, health } = context.config.sockets;
  const paths = [await pluginPath(context), "/usr/libexec/ocir-broker", credentials, health];
  const isThere = paths.some((path) => "value" in context.files.lstat(path));
  return isThere ? undefined : finding("not-installed", paths.join(", "));
};

/** One finding if `ocir-broker disable` has switched the node off. The stopped units are then no errors. */
const checkOffSwitch: Check = async ({ files }) => {
  const stats = files.lstat(DISABLED_FILE);
  if ("failure" in stats) return undefined;
  return finding("switched-off", `${DISABLED_FILE}, since ${stats.value.mtime.toISOString()}`);
};

/** Whether ocir-broker is installed and switched on. */
const SWITCH_CHECKS: readonly NamedCheck[] = [
  ["installation", checkInstalled],
  ["off switch", checkOffSwitch],
];

const CLOUD_CHECKS: readonly NamedCheck[] = [
  ["identity", checkIdentity],
  ["registry", checkRegistry],
];

const PULL_CHECKS: readonly NamedCheck[] = [
  ["service accounts", checkServiceAccounts],
  ["units", checkMaskedUnits],
  ["credentials socket", checkSocket],
  ["daemon", checkDaemon],
  ["plugin's response", checkPluginResponse],
];

/** With an invalid file, nobody knows proxy, addresses and identity: the last valid configuration is the daemon's alone. */
const UNCONFIGURED_CHECK: NamedCheck = [
  "configuration",
  async () => notChecked("the network to Oracle's services", "broker-config-invalid", "it needs a valid configuration"),
];

/** Left out on a node that is switched off or without ocir-broker, which is the cause of their findings. */
const CHECKS_WHILE_ON: ReadonlySet<Check> = new Set([
  checkPlugin,
  checkMaskedUnits,
  checkSocket,
  checkDaemon,
  checkPluginResponse,
]);

/** A healthy node needs a second. The plugin may need as long as the daemon may take. */
const LIMIT_MS = 8_500;
const PLUGIN_SLACK_MS = 2_000;

/** Never rejects because of an error on the node; an exception in a check becomes a finding too. */
export async function diagnose(options: DoctorOptions): Promise<readonly Finding[]> {
  const { clock, config, configError, isNode } = options;
  const { limitMs = Math.max(LIMIT_MS, durationMs(config.request.deadline) + PLUGIN_SLACK_MS) } = options;
  const ending = new AbortController();
  const cloud = createCloud({ ...options, signal: ending.signal });
  const context = createCheckContext({
    ...options,
    files: createNodeFiles(options.root),
    runProgram: options.runProgram ?? createRunProgram(clock),
    cloud,
    signal: ending.signal,
  });
  const { promise: timeUp, resolve } = Promise.withResolvers<void>();
  const limit = clock.setTimer(resolve, limitMs);
  const run = async (checks: readonly NamedCheck[]) =>
    (await Promise.all(checks.map(([topic, check]) => runCheck(topic, check, context, timeUp)))).flat();
  try {
    // In the order of the report: causes before their consequences.
    const cloudChecks = configError === undefined ? CLOUD_CHECKS : [UNCONFIGURED_CHECK];
    const off = isNode ? (await run(SWITCH_CHECKS)).filter(({ verdict }) => verdict === "problem") : [];
    const isOn = ([, check]: NamedCheck) => off.length === 0 || !CHECKS_WHILE_ON.has(check);
    const [ofNode, upstream, ofPull] = await Promise.all([
      run(isNode ? NODE_CHECKS.filter(isOn) : []),
      run(cloudChecks),
      run(isNode ? PULL_CHECKS.filter(isOn) : []),
    ]);
    return withoutConsequences([...off, ...configFindings(options), ...ofNode, ...upstream, ...ofPull], upstream);
  } finally {
    limit.cancel();
    ending.abort();
    await cloud.close();
  }
}

function configFindings({
  configError,
  configFix,
  configWarning,
  configSource,
  configPath,
  isNode,
}: DoctorOptions): Finding[] {
  const exposed =
    configWarning === undefined ? [] : [finding("broker-config-exposed", configWarning.what, configWarning.fix)];
  if (configError === undefined) return [finding("broker-config-ok", configSource), ...exposed];
  const { fix } = DIAGNOSES["broker-config-invalid"];
  const ofNode = configFix === undefined ? fix : `${configFix}; then systemctl reload ocir-broker.service`;
  const ofPerson = configFix ?? fix.replace("check", `check ${configPath}`);
  return [finding("broker-config-invalid", configError, isNode ? ofNode : ofPerson), ...exposed];
}

async function runCheck(
  topic: string,
  check: Check,
  context: CheckContext,
  timeUp: Promise<void>,
): Promise<readonly Finding[]> {
  try {
    return await Promise.race([findingsOf(check, context), timeUp.then(() => [finding("out-of-time", topic)])]);
  } catch (error) {
    // The message may contain text that was read; the class name does not.
    return [finding("check-failed", `${topic}: ${error instanceof Error ? error.name : "unknown"}`)];
  }
}
