/**
 * The changes that connect the kubelet. After each of them a kubelet starts with what its flags name: the plugins come before the
 * configuration that names them, and that before the flags. Changes nothing itself.
 */
import { DEFAULT_CONFIG_PATH } from "@ocir-broker/config/load";
import { withoutTrailingSlashes } from "@ocir-broker/foundation/trailing-slashes";
import { isAudience } from "@ocir-broker/kubelet-config/audience";
import { checkCredentialProviderConfig } from "@ocir-broker/kubelet-config/checking/check";
import { KubeletConfigError } from "@ocir-broker/kubelet-config/kubelet-config-error";
import { type MergeOptions, mergeProvider } from "@ocir-broker/kubelet-config/merging/merge";
import type { ConfigFile } from "@ocir-broker/kubelet-config/reading/decode";
import { readCredentialProviderFiles } from "@ocir-broker/node/credential-provider-files";
import { detectKubelet, type Kubelet } from "@ocir-broker/node/kubelet";
import { kubeletNeed, readKubeletUse } from "@ocir-broker/node/kubelet-need";
import { changedText, readKubeletUnit, unitFlags } from "@ocir-broker/node/kubelet-unit";
import { type NodeFiles, textOf } from "@ocir-broker/node/node-files";
import { isOurPlugin, PLUGIN_NAME, SERVICE_ACCOUNT_PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import type { KubeletFiles } from "@ocir-broker/protocol/node-result";
import type { Change } from "../change.ts";
import { InstallError } from "../install-error.ts";
import { FOLDER, PLUGIN_LINKS, SHIM } from "../installed-files.ts";
import type { NodeRun } from "../node-run.ts";
import { brokerChange, configBelow, poolConfig, serviceAccountsIn, withTokenExchange } from "./broker-config.ts";
import { assertRoots, type ConnectOptions, kubeletPathsOf, PLUGIN_FOLDER, readKubeletMinor } from "./kubelet-paths.ts";

/** The first version that sends service-account tokens without a feature gate; later ones have the same rules for our entries. */
export const SERVICE_ACCOUNTS_MINOR = 34;

const NO_PLACE = "the kubelet's unit has no place for the flags: node connect without --kubelet-flags prints them";
const OTHER_FILES = "the kubelet's unit has flags that name other files: correct them (see systemctl cat kubelet)";

export interface Connection {
  readonly paths: KubeletFiles;
  /** The plugins and the broker's configuration; if the latter changes, the daemon is restarted before the rest. */
  readonly before: readonly Change[];
  readonly after: readonly Change[];
}

/** @throws {InstallError} `path-untrusted`, `kubelet-version`, `kubelet-flags`, or `connect` if a kubelet may not start with it. */
export async function connection(node: NodeRun, options: ConnectOptions): Promise<Connection> {
  const { files, runProgram } = node;
  const kubelet = await detectKubelet(files, runProgram);
  const paths = kubeletPathsOf(options, kubelet, files);
  assertNamed(paths, kubelet, files);
  for (const path of Object.values(paths)) assertRoots(path, files);
  if (`${files.resolve(paths.binDir)}/`.startsWith(`${files.resolve(FOLDER)}/`))
    throw new InstallError("connect", `${paths.binDir} is ocir-broker's own folder: name another one`);
  const kubeletMinor = await readKubeletMinor(options, kubelet, node);
  assertAudience(options.serviceAccounts, kubeletMinor);
  const configuration = configurationChange(files, paths, kubeletMinor, options);
  const broker = brokerChanges(node, options);
  const flags = options.kubeletFlags === true ? await flagsChanges(node, paths) : [];
  return {
    paths,
    before: [...pluginChanges(node, paths), ...broker.before],
    after: [configuration, ...broker.after, ...flags],
  };
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

function configurationChange(
  files: NodeFiles,
  paths: KubeletFiles,
  kubeletMinor: number,
  { serviceAccounts: audience }: ConnectOptions,
): Change {
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
  return textChange("kubelet-configuration", path, text);
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
    return mergeProvider(existing, options);
  } catch (error) {
    if (!(error instanceof KubeletConfigError)) throw error;
    throw new InstallError("connect", `${path} cannot be changed: ${error.message}`, { cause: error });
  }
}

function pluginChanges({ files }: NodeRun, { binDir }: KubeletFiles): Change[] {
  if (files.resolve(binDir) === files.resolve(PLUGIN_FOLDER)) return pluginLinks();
  return [PLUGIN_NAME, SERVICE_ACCOUNT_PLUGIN_NAME].map((name) => ({
    kind: "kubelet-plugin",
    path: `${binDir}/${name}`,
    content: { kind: "link", target: SHIM },
  }));
}

export function pluginLinks(): Change[] {
  return Object.entries(PLUGIN_LINKS).map(([path, target]) => ({
    kind: "plugin",
    path,
    content: { kind: "link", target },
  }));
}

/**
 * The broker accepts the kubelet's tokens before the kubelet sends them. For another audience it accepts any while the
 * kubelet's configuration changes, and until its next start, because a running kubelet sends the old one until it is restarted.
 */
function brokerChanges(
  node: NodeRun,
  { serviceAccounts: audience }: ConnectOptions,
): { before: Change[]; after: Change[] } {
  if (audience === undefined) return { before: [], after: [] };
  const present = textOf(node.files.readText(DEFAULT_CONFIG_PATH)) ?? "";
  const below = configBelow(node) ?? "";
  const text = withTokenExchange(below, audience);
  const pool = poolConfig(node);
  const final = brokerChange(node, text, pool);
  const earlier = serviceAccountsIn(present)?.audience;
  if (text === present) return { before: [], after: [] };
  if (earlier === undefined || earlier === audience) return { before: [final], after: [] };
  node.say("audience: restart the kubelet, and then ocir-broker.service, which until then accepts any audience");
  return { before: [brokerChange(node, withTokenExchange(below, undefined), pool)], after: [final] };
}

/** Last: from here on a kubelet's start uses what the changes before have made. systemd reads a drop-in file only at a daemon-reload. */
async function flagsChanges(node: NodeRun, paths: KubeletFiles): Promise<Change[]> {
  const { files, runProgram } = node;
  const use = await readKubeletUse(paths, files, runProgram);
  // The changes before this one give it what it lacks. Only the unit counts, because a restart ends the process.
  const hadFlags = node.copies.paths("kubelet-flags").length > 0;
  const need = kubeletNeed({ ...use, lack: undefined, process: undefined }, hadFlags);
  if (need.kind === "by-hand" && use.process?.has !== "these")
    throw new InstallError("kubelet-flags", need.why === "others" ? OTHER_FILES : NO_PLACE);
  if (need.kind !== "flags") return [];
  const { file } = need.change;
  assertRoots(file, files);
  return [textChange("kubelet-flags", files.resolve(file), changedText(use.unit, need.change))];
}

function textChange(kind: Change["kind"], path: string, text: string): Change {
  return { kind, path, content: { kind: "text", text, mode: 0o644 } };
}
