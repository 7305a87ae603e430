/**
 * `ocir-broker kubelet-config check|merge`: checks the kubelet's credential provider configuration by the kubelet's own rules, and
 * prints it with our entry, for people before they restart a kubelet. `node connect` changes the file itself.
 */
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { isAudience } from "@ocir-broker/kubelet-config/audience";
import { checkCredentialProviderConfig } from "@ocir-broker/kubelet-config/checking/check";
import type { Finding } from "@ocir-broker/kubelet-config/finding";
import { type MergeOptions, mergeProvider } from "@ocir-broker/kubelet-config/merging/merge";
import { parseKubeletVersion } from "@ocir-broker/kubelet-config/minor";
import { NEWEST_MINOR } from "@ocir-broker/kubelet-config/rules";
import { detectKubelet } from "@ocir-broker/node/kubelet";
import { createNodeFiles } from "@ocir-broker/node/node-files";
import { createRunProgram } from "@ocir-broker/node/program-run";
import { PLUGIN_NAME, SERVICE_ACCOUNT_PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { CommandErrorCode } from "../error-codes.ts";
import { UsageError, withPath } from "../failure.ts";
import { readConfigFiles, readIfThere } from "../files/config-files.ts";

const BIN_DIRECTORY = "/usr/local/bin";
const VERSION_FLAG = [
  "--kubelet-version <version>",
  "1.33, v1.33.2, or what `kubelet --version` prints (default: this node's kubelet)",
] as const;
const USAGE = "usage-invalid" satisfies CommandErrorCode;
interface VersionOptions {
  /** The minor version. */
  readonly kubeletVersion?: number;
  readonly root: string;
}

interface CheckOptions extends VersionOptions {
  readonly binDir: string;
}

interface MergeCommandOptions extends VersionOptions {
  readonly serviceAccounts?: string;
  readonly annotation?: string;
}

export function addKubeletConfigCommand(program: Command): void {
  const kubeletConfig = program
    .command("kubelet-config")
    .description("check the kubelet's CredentialProviderConfig, or print it with our credential provider");

  kubeletConfig
    .command("check")
    .description(
      "report what a kubelet of this version refuses (exit 1), silently ignores (a warning), or may refuse (unknown, exit 1)",
    )
    .argument("<file...>", "one file, or one directory of .json, .yaml and .yml files (since 1.34)")
    .option(...VERSION_FLAG, parseMinor)
    .addOption(rootOption())
    .option("--bin-dir <directory>", "the kubelet's --image-credential-provider-bin-dir", BIN_DIRECTORY)
    .action(check);

  kubeletConfig
    .command("merge")
    .description(`print the file with ${PLUGIN_NAME}, and everything else as it is; the file may be missing`)
    .argument("<file>", "the kubelet's CredentialProviderConfig")
    .option(...VERSION_FLAG, parseMinor)
    .addOption(rootOption())
    .option(
      "--service-accounts <audience>",
      `also add ${SERVICE_ACCOUNT_PLUGIN_NAME}, which gets service-account tokens for this audience ` +
        `and serves all of OCIR instead of ${PLUGIN_NAME}`,
      parseAudience,
    )
    .option("--annotation <name>", "pass this annotation on, and serve pods without a service account too")
    .addHelpText(
      "after",
      `
Example:
  ocir-broker kubelet-config merge /etc/kubernetes/credential-provider-config.yaml >merged.yaml

Write to another file: the shell empties the one after > before it is read.`,
    )
    .action(async (path: string, options: MergeCommandOptions) => {
      const merge = await mergeOptionsOf(options);
      process.stdout.write(withPath(path, () => mergeProvider(readIfThere(path), merge)));
    });
}

function parseAudience(text: string): string {
  if (!isAudience(text))
    throw new InvalidArgumentError("it is empty, begins with -, or has a space, quote or backslash");
  return text;
}

/** For tests, which have no node of their own. */
function rootOption(): Option {
  return new Option("--root <directory>", "the folder with the node's files").default("/").hideHelp();
}

/** @throws {UsageError} if no version is given, and no kubelet of this node reports one. */
async function kubeletMinorOf({ kubeletVersion, root }: VersionOptions): Promise<number> {
  if (kubeletVersion !== undefined) return kubeletVersion;
  const kubelet = await detectKubelet(createNodeFiles(root), createRunProgram(createSystemClock()));
  if (kubelet?.minor === undefined)
    throw new UsageError(`${USAGE}: no kubelet of this node reports its version; name one: --kubelet-version 1.33`);
  return kubelet.minor;
}

async function check(paths: readonly string[], options: CheckOptions): Promise<void> {
  const { files, directory } = readConfigFiles(paths);
  const kubeletMinor = await kubeletMinorOf(options);
  const hasExecutable = (name: string) => createNodeFiles("/").isExecutable(`${options.binDir}/${name}`);
  const findings = checkCredentialProviderConfig(files, { kubeletMinor, directory, hasExecutable });
  for (const finding of findings) process.stdout.write(`${describe(finding)}\n`);
  const isRefused = findings.some(({ severity }) => severity !== "warning");
  process.exitCode = isRefused ? 1 : 0;
  if (!isRefused && kubeletMinor <= NEWEST_MINOR)
    process.stdout.write(`a kubelet 1.${kubeletMinor} starts with this\n`);
  if (!isRefused && kubeletMinor > NEWEST_MINOR)
    process.stdout.write(`a kubelet 1.${NEWEST_MINOR} starts with this; the rules of later ones are not known yet\n`);
}

async function mergeOptionsOf(options: MergeCommandOptions): Promise<MergeOptions> {
  const { serviceAccounts: audience, annotation } = options;
  const kubeletMinor = await kubeletMinorOf(options);
  return audience === undefined ? { kubeletMinor } : { kubeletMinor, serviceAccounts: { audience, annotation } };
}

function describe({ severity, code, file, line, path, message, fix }: Finding): string {
  const place = [file, ...(line === undefined ? [] : [line]), ...(path === "" ? [] : [path])].join(":");
  return `${severity}: ${code}: ${place}: ${message}; ${fix}`;
}

function parseMinor(text: string): number {
  const minor = parseKubeletVersion(text);
  if (minor === undefined) throw new InvalidArgumentError("write it like 1.33");
  return minor;
}
