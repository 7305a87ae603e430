/**
 * The steps that connect the kubelet. After each of them a kubelet starts with what its flags name: the plugins come before the
 * configuration that names them, and that before the flags. Changes nothing itself.
 */
import { DEFAULT_CONFIG_PATH } from "@ocir-broker/config/load";
import { withoutTrailingSlashes } from "@ocir-broker/foundation/trailing-slashes";
import { isAudience } from "@ocir-broker/kubelet-config/audience";
import { checkCredentialProviderConfig } from "@ocir-broker/kubelet-config/checking/check";
import { KubeletConfigError } from "@ocir-broker/kubelet-config/kubelet-config-error";
import type { MergeOptions } from "@ocir-broker/kubelet-config/merging/merge";
import type { ConfigFile } from "@ocir-broker/kubelet-config/reading/decode";
import { apiAudiencesOn } from "@ocir-broker/node/api-audiences";
import { readCredentialProviderFiles, tokenAttributesIn } from "@ocir-broker/node/credential-provider-files";
import { detectKubelet, type Kubelet } from "@ocir-broker/node/kubelet";
import { kubeletNeed, readKubeletUse } from "@ocir-broker/node/kubelet-need";
import { changedText, readKubeletUnit, unitFlags } from "@ocir-broker/node/kubelet-unit";
import { type NodeFiles, textOf } from "@ocir-broker/node/node-files";
import { isOurPlugin, PLUGIN_NAME, SERVICE_ACCOUNT_PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import type { KubeletFiles } from "@ocir-broker/protocol/node-result";
import { InstallError } from "../install-error.ts";
import { LIBEXEC, PLUGIN_LINKS } from "../installed-files.ts";
import type { NodeRun } from "../node-run.ts";
import type { ChangeKind } from "../run/change-kind.ts";
import { changedPaths } from "../run/record.ts";
import { isChange } from "../run/run-state.ts";
import { type ActionStep, type FileStep, linkStep, type Step } from "../run/step.ts";
import { isDisabled } from "../system/node-context.ts";
import { serviceAccountsIn, withTokenExchange } from "./broker-config.ts";
import { assertRoots, type ConnectOptions, kubeletPathsOf, PLUGIN_FOLDER, readKubeletMinor } from "./kubelet-paths.ts";
import { mergedConfig, SERVICE_ACCOUNTS_MINOR } from "./own-config.ts";
import { configBelow } from "./pool-config.ts";

const NO_PLACE = "the kubelet's unit has no place for the flags: node connect without --kubelet-flags prints them";
const OTHER_FILES = "the kubelet's unit has flags that name other files: correct them (see systemctl cat kubelet)";

/** They name the API server once a node has joined. */
const CLUSTER_FILES = ["/etc/kubernetes/kubelet.conf", "/etc/oke/oke-apiserver"];

/** @throws {InstallError} `path-untrusted`, `kubelet-version`, `kubelet-flags`, or `connect` if a kubelet may not start with it. */
export async function connection(
  node: NodeRun,
  options: ConnectOptions,
): Promise<{ paths: KubeletFiles; steps: Step[] }> {
  const { files, runProgram } = node;
  const kubelet = await detectKubelet(files, runProgram);
  const paths = kubeletPathsOf(options, kubelet, files);
  assertNamed(paths, kubelet, files);
  for (const path of Object.values(paths)) assertRoots(path, files);
  if (files.resolve(paths.binDir) === files.resolve(LIBEXEC))
    throw new InstallError("connect", `${paths.binDir} is ocir-broker's own folder: name another one`);
  const kubeletMinor = await readKubeletMinor(options, kubelet, node);
  assertAudience(options.serviceAccounts, kubeletMinor);
  if (options.serviceAccounts !== undefined && kubelet?.pid !== undefined && !CLUSTER_FILES.some(node.disk.isThere))
    node.say(
      `WARNING: unless serviceAccounts.apiServer and caFile are set, the broker needs ${CLUSTER_FILES.join(" or ")}`,
    );
  const configuration = configurationStep(files, paths, kubeletMinor, options);
  const steps = [
    ...pluginSteps(node, paths),
    ...withBrokerConfig(node, configuration, options),
    ...(options.kubeletFlags === true ? await flagsSteps(node, paths) : []),
  ];
  return { paths, steps };
}

/** Other files would have no effect. @throws {InstallError} `connect` unless a kubelet that has the flags names these files. */
function assertNamed({ config, binDir }: KubeletFiles, kubelet: Kubelet | undefined, files: NodeFiles): void {
  if (kubelet?.pid === undefined || kubelet.config === undefined || kubelet.binDir === undefined) return;
  const unit = unitFlags(readKubeletUnit(files));
  const isNamed = (typed: string, ...named: readonly (string | undefined)[]) =>
    named.some((path) => path !== undefined && files.resolve(path) === files.resolve(typed));
  if (isNamed(config, kubelet.config, unit.config) && isNamed(binDir, kubelet.binDir, unit.binDir)) return;
  throw new InstallError(
    "connect",
    `the kubelet's flags name ${kubelet.config} and ${kubelet.binDir}, so ${config} and ${binDir} would have no ` +
      "effect: leave out the paths, or change the flags first",
  );
}

function assertAudience(audience: string | undefined, kubeletMinor: number): void {
  if (audience === undefined) return;
  if (!isAudience(audience))
    throw new InstallError(
      "connect",
      `the audience ${JSON.stringify(audience)} is empty, begins with -, or has a space, quote or backslash`,
    );
  if (kubeletMinor < SERVICE_ACCOUNTS_MINOR)
    throw new InstallError(
      "connect",
      `--service-accounts needs Kubernetes 1.${SERVICE_ACCOUNTS_MINOR} (this kubelet: 1.${kubeletMinor})`,
    );
}

function configurationStep(
  files: NodeFiles,
  paths: KubeletFiles,
  kubeletMinor: number,
  { serviceAccounts: audience }: ConnectOptions,
): FileStep {
  const { isDirectory, configFiles } = readConfig(files, paths.config);
  const path = isDirectory ? fileIn(paths.config, configFiles) : files.resolve(paths.config);
  const isTarget = (file: ConfigFile) => !isDirectory || file.path === path;
  const text = configWithOurs(path, configFiles.find(isTarget)?.text, {
    kubeletMinor,
    ...(audience !== undefined && { serviceAccounts: { audience } }),
  });
  // Checked with the plugins that will exist then.
  const found = checkCredentialProviderConfig([...configFiles.filter((file) => !isTarget(file)), { path, text }], {
    kubeletMinor,
    directory: isDirectory,
    hasExecutable: (name) => isOurPlugin(name) || files.isExecutable(`${paths.binDir}/${name}`),
  }).find(({ severity }) => severity !== "warning");
  if (found !== undefined) {
    const { severity, code, file, path: place, message, fix } = found;
    throw new InstallError(
      "connect",
      `a kubelet 1.${kubeletMinor} would not start with ${paths.config}, or may not: ${severity}: ${code}: ` +
        `${[file, place].filter(Boolean).join(":")}: ${message}; ${fix}`,
    );
  }
  return textStep("kubelet-configuration", "kubelet-configuration", path, text, {
    changes: `${path}: adds our credential provider`,
    check: `a kubelet 1.${kubeletMinor} starts with it, by that version's rules`,
  });
}

function readConfig(files: NodeFiles, config: string): { isDirectory: boolean; configFiles: readonly ConfigFile[] } {
  const read = readCredentialProviderFiles(files, config);
  if (read.failure === "ENOENT") return { isDirectory: false, configFiles: [] };
  if (read.failure === "file-not-regular")
    throw new InstallError("connect", `${config} is neither a file nor a directory of files`);
  if (read.failure !== undefined) throw new InstallError("connect", `${config} cannot be read: ${read.failure}`);
  return { isDirectory: read.directory, configFiles: read.files };
}

/** The file of a directory that has our entry; otherwise a new file. */
function fileIn(directory: string, files: readonly ConfigFile[]): string {
  const ours = files.find(({ text }) => text.includes(PLUGIN_NAME));
  return ours?.path ?? `${withoutTrailingSlashes(directory)}/${PLUGIN_NAME}.yaml`;
}

function configWithOurs(path: string, existing: string | undefined, options: MergeOptions): string {
  try {
    return mergedConfig(existing, options);
  } catch (error) {
    if (!(error instanceof KubeletConfigError)) throw error;
    throw new InstallError("connect", `${path} cannot be changed: ${error.message}`, { cause: error });
  }
}

function pluginSteps(node: NodeRun, { binDir }: KubeletFiles): FileStep[] {
  const { disk, files } = node;
  if (files.resolve(binDir) !== files.resolve(PLUGIN_FOLDER))
    return [PLUGIN_NAME, SERVICE_ACCOUNT_PLUGIN_NAME].map((name) =>
      linkStep(`kubelet-plugin-${name}`, "kubelet-plugin", `${binDir}/${name}`, `${PLUGIN_FOLDER}/${name}`),
    );
  // Another program may have replaced what the installation has linked.
  if (node.record.version === undefined || isDisabled(node)) return [];
  const links = Object.entries(PLUGIN_LINKS).map(([path, target]) => linkStep("plugin", "plugin", path, target));
  return links.filter((step) => isChange(disk, step));
}

/**
 * The broker accepts the kubelet's tokens before the kubelet sends them. For another audience it accepts any while the
 * kubelet's configuration changes, and until its next start, because a running kubelet sends the old one until it is restarted.
 */
function withBrokerConfig(
  node: NodeRun,
  configuration: FileStep,
  { serviceAccounts: audience }: ConnectOptions,
): Step[] {
  const present = textOf(node.files.readText(DEFAULT_CONFIG_PATH)) ?? "";
  if (audience === undefined) {
    warnOfAudience(node, configuration, present);
    return [configuration];
  }
  const administrators = configBelow(node) ?? "";
  const text = withTokenExchange(administrators, audience);
  warnOfAudience(node, configuration, text);
  if (text === present) return [configuration];
  const restart: ActionStep = {
    kind: "action",
    name: "restart-daemon",
    run: node.units.restartIfActive,
    changes: "restarts ocir-broker.service, if it runs",
    check: "systemd reports success",
    undo: "restart-daemon",
  };
  const final = brokerStep("broker-configuration", text, `the token exchange for the audience ${audience}`);
  const earlier = serviceAccountsIn(present)?.audience;
  if (earlier === undefined || earlier === audience) return [final, restart, configuration];
  const open = withTokenExchange(administrators, undefined);
  node.say("audience: restart the kubelet, and then ocir-broker.service, which until then accepts any audience");
  return [
    brokerStep("broker-configuration-any-audience", open, "the token exchange for any audience"),
    restart,
    configuration,
    final,
  ];
}

/** OKE's token exchange accepts tokens for the API server's own audience only. */
function warnOfAudience({ say, files }: NodeRun, { path, content }: FileStep, brokerConfig: string): void {
  const accepted = serviceAccountsIn(brokerConfig)?.tokenExchange === "oke" ? apiAudiencesOn(files) : [];
  const entries = content.kind === "text" ? tokenAttributesIn([{ path, text: content.text }]) : [];
  const wrong = entries.find(({ audience }) => !accepted.includes(audience));
  if (accepted.length === 0 || wrong === undefined) return;
  say(
    `WARNING: the entry's audience is ${wrong.audience}, and OKE's token exchange accepts only the API server's, ` +
      `${accepted.join(" or ")}: ocir-broker node connect --service-accounts ${accepted[0]}`,
  );
}

function brokerStep(name: string, text: string, what: string): FileStep {
  return textStep(name, "broker-configuration", DEFAULT_CONFIG_PATH, text, {
    changes: `${DEFAULT_CONFIG_PATH}: adds ${what}`,
    check: "the configuration is valid",
  });
}

/**
 * Last: from here on a kubelet's start uses what the steps before have made. systemd reads a drop-in file only at a daemon-reload,
 * which precedes a restart of the kubelet, so a run that is rolled back leaves no flags there.
 */
async function flagsSteps(node: NodeRun, paths: KubeletFiles): Promise<FileStep[]> {
  const { files, runProgram } = node;
  const use = await readKubeletUse(paths, files, runProgram);
  // The steps before this one give it what it lacks. Only the unit counts, because a restart ends the process.
  const hadFlags = changedPaths(node.record, "kubelet-flags").length > 0;
  const need = kubeletNeed({ ...use, lack: undefined, process: undefined }, hadFlags);
  if (need.kind === "by-hand" && use.process?.has !== "these")
    throw new InstallError("kubelet-flags", need.why === "others" ? OTHER_FILES : NO_PLACE);
  if (need.kind !== "flags") return [];
  const { file } = need.change;
  assertRoots(file, files);
  const text = changedText(use.unit, need.change);
  const path = files.resolve(file);
  const changes = `${path}: adds the kubelet's flags, which name ${paths.config}`;
  return [textStep("kubelet-flags", "kubelet-flags", path, text, { changes, check: "its unit has the flags" })];
}

function textStep(
  name: string,
  change: ChangeKind,
  path: string,
  text: string,
  about: Pick<FileStep, "changes" | "check">,
): FileStep {
  return { kind: "file", change, name, path, content: { kind: "text", text, mode: 0o644 }, ...about };
}
