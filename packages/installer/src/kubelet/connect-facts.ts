/** What `connect` depends on: the kubelet's paths, version and configuration, and the broker's configuration. Changes nothing. */
import { dirname } from "node:path";
import { DEFAULT_CONFIG_PATH } from "@ocir-broker/credentials/config/load";
import { parseKubeletVersion } from "@ocir-broker/kubelet-config/minor";
import type { ConfigFile } from "@ocir-broker/kubelet-config/reading/decode";
import { readCredentialProviderFiles } from "@ocir-broker/node/credential-provider-files";
import {
  BIN_DIRECTORY_FLAG,
  CONFIG_FLAG,
  detectKubelet,
  flagIn,
  type Kubelet,
  minorOfInstalled,
  unitValues,
} from "@ocir-broker/node/kubelet";
import { kubeletNeed, readKubeletUse } from "@ocir-broker/node/kubelet-need";
import { changedText, textOfUnitFile } from "@ocir-broker/node/kubelet-unit";
import { createNodeFiles, type NodeFiles, textOf } from "@ocir-broker/node/node-files";
import { pathErrorOf } from "@ocir-broker/node/path-error";
import type { RunProgram } from "@ocir-broker/node/program-run";
import { BROKER_PROGRAM, PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import type { KubeletFiles } from "@ocir-broker/protocol/node-result";
import { InstallError } from "../install-error.ts";
import { wordsOf } from "./kubelet-args.ts";

/** The plugins that the kubelet calls are links to those in this folder. */
export const PLUGIN_FOLDER = dirname(BROKER_PROGRAM);

export const DEFAULT_PATHS: KubeletFiles = {
  config: "/etc/kubernetes/credential-provider-config.yaml",
  binDir: PLUGIN_FOLDER,
};

export interface ConnectOptions {
  readonly kubeletConfig?: string | undefined;
  readonly binDir?: string | undefined;
  /** One text, as a bootstrap gets it. */
  readonly kubeletArgs?: string | undefined;
  readonly kubeletVersion?: string | undefined;
  /** The audience of service-account tokens. */
  readonly serviceAccounts?: string | undefined;
  /** Also adds the flags to a file of the kubelet's unit. */
  readonly kubeletFlags?: boolean | undefined;
}

export interface ConnectFacts {
  readonly options: ConnectOptions;
  readonly paths: KubeletFiles;
  readonly kubeletMinor: number;
  /** The file that gets our credential provider: links of the path are followed. */
  readonly target: string;
  readonly isDirectory: boolean;
  /** The text of that file; undefined if there is none yet. */
  readonly existing: string | undefined;
  /** The other files of a directory. */
  readonly otherFiles: readonly ConfigFile[];
  /** Whether the kubelet's folder is where our plugins are anyway. */
  readonly hasPlugins: boolean;
  /** Whether the kubelet's folder has an executable file of this name. */
  readonly hasExecutable: (name: string) => boolean;
  /** Undefined if there is no file. */
  readonly brokerConfig: string | undefined;
  /** The same without our change; empty if there was none. */
  readonly administratorsConfig: string;
  /** A file of the kubelet's unit, and its text with the flags; undefined if they are there or not asked for. */
  readonly flags: { readonly path: string; readonly text: string } | undefined;
}

export interface ConnectReading {
  /** `/`, or a test's folder. */
  readonly root: string;
  readonly runProgram: RunProgram;
  readonly bootedAtMs: number;
  /** The text of the metadata key oke-k8version; undefined if there is none. */
  readonly versionOfMetadata: () => Promise<string | undefined>;
  /** The content of a file before our change, empty if there was none; undefined if the file is not ours. */
  readonly originalOf: (path: string) => string | undefined;
}

/** @throws {InstallError} `path-untrusted`, `kubelet-version` or `connect` */
export async function readConnectFacts(options: ConnectOptions, reading: ConnectReading): Promise<ConnectFacts> {
  const { root, runProgram } = reading;
  const files = createNodeFiles(root);
  const kubelet = await detectKubelet(files, runProgram);
  const paths = pathsOf(options, kubelet, files);
  for (const path of [paths.config, paths.binDir]) assertRoots(path, root);
  const { isDirectory, configFiles } = readConfig(files, paths.config);
  const target = isDirectory ? fileIn(paths.config, configFiles) : files.resolve(paths.config);
  const isTarget = ({ path }: ConfigFile) => !isDirectory || path === target;
  const brokerConfig = textOf(files.readText(DEFAULT_CONFIG_PATH));
  return {
    options,
    paths,
    kubeletMinor: await minorOf(options, kubelet, reading),
    target,
    isDirectory,
    existing: configFiles.find(isTarget)?.text,
    otherFiles: configFiles.filter((file) => !isTarget(file)),
    hasPlugins: files.resolve(paths.binDir) === files.resolve(PLUGIN_FOLDER),
    hasExecutable: (name) => files.isExecutable(`${paths.binDir}/${name}`),
    brokerConfig,
    administratorsConfig: reading.originalOf(DEFAULT_CONFIG_PATH) ?? brokerConfig ?? "",
    flags: options.kubeletFlags === true ? await readFlags(paths, files, reading) : undefined,
  };
}

/** The kubelet's paths alone, of its process or of its unit. */
export async function readKubeletPaths({
  root,
  runProgram,
}: Pick<ConnectReading, "root" | "runProgram">): Promise<KubeletFiles> {
  const files = createNodeFiles(root);
  return pathsOf({}, await detectKubelet(files, runProgram), files);
}

async function readFlags(
  paths: KubeletFiles,
  files: NodeFiles,
  reading: ConnectReading,
): Promise<ConnectFacts["flags"]> {
  const use = await readKubeletUse(paths, { ...reading, files });
  const need = kubeletNeed(use);
  if (need.kind !== "flags") return undefined;
  const { file, at } = need.change;
  assertRoots(file, reading.root);
  const text = changedText(need.change, at === undefined ? undefined : textOfUnitFile(use.unit, file));
  return { path: files.resolve(file), text };
}

/** A running kubelet's flags override the arguments that a bootstrap will give it, and these override those of its unit. */
function pathsOf(options: ConnectOptions, kubelet: Kubelet | undefined, files: NodeFiles): KubeletFiles {
  const process = kubelet?.pid === undefined ? undefined : kubelet;
  const args = wordsOf(options.kubeletArgs ?? "");
  const inUnit = (flag: string) => unitValues(files, flag).findLast((path) => path.startsWith("/"));
  return {
    config:
      options.kubeletConfig ??
      process?.configPath ??
      flagIn(args, CONFIG_FLAG) ??
      inUnit(CONFIG_FLAG) ??
      DEFAULT_PATHS.config,
    binDir: withoutSlash(
      options.binDir ??
        process?.binDirectory ??
        flagIn(args, BIN_DIRECTORY_FLAG) ??
        inUnit(BIN_DIRECTORY_FLAG) ??
        DEFAULT_PATHS.binDir,
    ),
  };
}

function withoutSlash(path: string): string {
  return path.replace(/(?<=.)\/+$/, "");
}

function assertRoots(path: string, root: string): void {
  const error = pathErrorOf(path, root);
  if (error !== undefined) throw new InstallError("path-untrusted", error.replace(/^path-untrusted: /, ""));
}

function readConfig(files: NodeFiles, config: string): { isDirectory: boolean; configFiles: readonly ConfigFile[] } {
  const read = readCredentialProviderFiles(files, { configPath: config, binDirectory: undefined, minor: undefined });
  if (read === undefined || read.failure === "ENOENT") return { isDirectory: false, configFiles: [] };
  if (read.failure === "not-regular")
    throw new InstallError("connect", `${config} is neither a file nor a directory of files`);
  if (read.failure !== undefined) throw new InstallError("connect", `${config} cannot be read: ${read.failure}`);
  return { isDirectory: read.directory, configFiles: read.files };
}

/** The file of a directory that has our entry, else a new one. */
function fileIn(directory: string, files: readonly ConfigFile[]): string {
  const ours = files.find(({ text }) => text.includes(PLUGIN_NAME));
  return ours?.path ?? `${withoutSlash(directory)}/${PLUGIN_NAME}.yaml`;
}

async function minorOf(
  { kubeletVersion }: ConnectOptions,
  kubelet: Kubelet | undefined,
  { versionOfMetadata, root, runProgram }: ConnectReading,
): Promise<number> {
  if (kubelet?.distrusted !== undefined && kubeletVersion === undefined)
    throw new InstallError("path-untrusted", `the kubelet's program is not run: ${kubelet.distrusted}`);
  const ofProgram = async () => kubelet?.minor ?? (await minorOfInstalled(createNodeFiles(root), runProgram));
  const found = kubeletVersion === undefined ? await ofProgram() : undefined;
  const text = kubeletVersion ?? (found === undefined ? await versionOfMetadata() : `1.${found}`);
  const minor = text === undefined ? undefined : parseKubeletVersion(text);
  if (minor !== undefined) return minor;
  throw new InstallError(
    "kubelet-version",
    text === undefined
      ? "neither the kubelet nor the metadata key oke-k8version gives the Kubernetes version: set --kubelet-version"
      : `${text} is not a version of Kubernetes such as 1.33`,
  );
}
