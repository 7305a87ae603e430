/** The kubelet's paths and version: from options, from its process, from a bootstrap's arguments, or from its unit. */
import { dirname } from "node:path";
import { withoutTrailingSlashes } from "@ocir-broker/foundation/trailing-slashes";
import { parseKubeletVersion } from "@ocir-broker/kubelet-config/minor";
import { pathErrorOf } from "@ocir-broker/node/credential-provider-files";
import { detectKubelet, flagsIn, type Kubelet, minorOfInstalled } from "@ocir-broker/node/kubelet";
import { type KubeletFlags, readKubeletUnit, unitFlags } from "@ocir-broker/node/kubelet-unit";
import type { NodeFiles } from "@ocir-broker/node/node-files";
import { BROKER_PROGRAM } from "@ocir-broker/protocol/contract";
import type { KubeletFiles } from "@ocir-broker/protocol/node-result";
import { InstallError } from "../install-error.ts";
import { readInstanceMetadata } from "../system/instance-metadata.ts";
import type { NodeContext } from "../system/node-context.ts";
import { wordsOf } from "./kubelet-args.ts";

export interface ConnectOptions {
  readonly kubeletConfig?: string | undefined;
  readonly binDir?: string | undefined;
  /** The kubelet's arguments as one text, as a bootstrap gets them. */
  readonly kubeletArgs?: string | undefined;
  readonly kubeletVersion?: string | undefined;
  /** The audience of service-account tokens. */
  readonly serviceAccounts?: string | undefined;
  /** Also adds the flags to a file of the kubelet's unit. */
  readonly kubeletFlags?: boolean | undefined;
}

/** The plugins that the kubelet calls are links to those in this folder. */
export const PLUGIN_FOLDER = dirname(BROKER_PROGRAM);

export const DEFAULT_PATHS: KubeletFiles = {
  config: "/etc/kubernetes/credential-provider-config.yaml",
  binDir: PLUGIN_FOLDER,
};

/** For a node whose kubelet does not report its version. */
const METADATA_LIMIT_MS = 30_000;

export async function readKubeletPaths({ files, runProgram }: NodeContext): Promise<KubeletFiles> {
  return kubeletPathsOf({}, await detectKubelet(files, runProgram), files);
}

/** A running kubelet's flags override the arguments that a bootstrap will give it, and these override those of its unit. */
export function kubeletPathsOf(options: ConnectOptions, kubelet: Kubelet | undefined, files: NodeFiles): KubeletFiles {
  const process = kubelet?.pid === undefined ? undefined : kubelet;
  const args = flagsIn(wordsOf(options.kubeletArgs ?? ""));
  const unit = unitFlags(readKubeletUnit(files));
  const given = (flag: keyof KubeletFlags) =>
    process?.[flag] ?? args[flag] ?? (unit[flag]?.startsWith("/") === true ? unit[flag] : DEFAULT_PATHS[flag]);
  return {
    config: options.kubeletConfig ?? given("config"),
    binDir: withoutTrailingSlashes(options.binDir ?? given("binDir")),
  };
}

/** @throws {InstallError} `path-untrusted` if a user other than root can change the path. */
export function assertRoots(path: string, files: NodeFiles): void {
  const error = pathErrorOf(path, files);
  if (error !== undefined) throw new InstallError("path-untrusted", error);
}

/** @throws {InstallError} `kubelet-version` */
export async function readKubeletMinor(
  { kubeletVersion }: ConnectOptions,
  kubelet: Kubelet | undefined,
  node: NodeContext,
): Promise<number> {
  const ofProgram = async () => kubelet?.minor ?? (await minorOfInstalled(node.files, node.runProgram));
  const found = kubeletVersion === undefined ? await ofProgram() : undefined;
  if (found !== undefined) return found;
  const key = "/instance/metadata/oke-k8version";
  const text = kubeletVersion ?? (await readInstanceMetadata(node, key, METADATA_LIMIT_MS));
  const minor = text === undefined ? undefined : parseKubeletVersion(text);
  if (minor !== undefined) return minor;
  throw new InstallError(
    "kubelet-version",
    text === undefined
      ? "neither the kubelet nor the metadata key oke-k8version gives the Kubernetes version, " +
          "which ocir-broker node install and node connect also accept as --kubelet-version"
      : `${text} is not a version of Kubernetes such as 1.33`,
  );
}
