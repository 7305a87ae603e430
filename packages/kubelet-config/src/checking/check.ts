/**
 * Simulates the kubelet's start: the files it reads, their order, and what it refuses in them. Also reports what the
 * kubelet accepts and then ignores. Reads no file itself: text in, findings out.
 */

import { createReport, type Finding, quote, type Report } from "../finding.ts";
import { assertKubeletMinor } from "../minor.ts";
import { type ConfigFile, decodeConfig, isConfigName, type Provider } from "../reading/decode.ts";
import { lintProviders } from "./lint.ts";
import { validateProvider } from "./validate.ts";

export interface CheckOptions {
  /** 31 for Kubernetes 1.31. A minor newer than the newest known one gets the newest rules. */
  readonly kubeletMinor: number;
  /** Whether the bin directory has an executable file of this name. Called for valid names only. */
  readonly hasExecutable: (name: string) => boolean;
  /** Whether the kubelet's flag names a directory. Default: true unless there is exactly one file. */
  readonly directory?: boolean;
  /** State of the gate KubeletServiceAccountTokenForCredentialProviders. Default: on since 1.34. */
  readonly serviceAccountTokens?: boolean;
}

/** The first minor that accepts a directory (Kubernetes PR 131658). */
const DIRECTORY_MINOR = 34;

/**
 * @returns findings in the order of the files; empty if nothing is wrong. The kubelet starts if none is fatal.
 * @throws {KubeletConfigError} `kubelet-minor-unsupported`
 */
export function checkCredentialProviderConfig(files: readonly ConfigFile[], options: CheckOptions): Finding[] {
  assertKubeletMinor(options.kubeletMinor);
  const findings: Finding[] = [];
  const report = createReport(options.kubeletMinor, findings);
  const directory = options.directory ?? files.length !== 1;
  const read = filesToRead(files, directory);
  if (directory && options.kubeletMinor < DIRECTORY_MINOR) {
    report("directory-unsupported", { file: "", path: "" }, "there is a directory, or more than one file");
  }
  if (read.length === 0) {
    report("files-missing", { file: "", path: "" }, "there is no configuration file");
    return findings;
  }
  const decoded = read.map((file) => decodeConfig(file, options.kubeletMinor, report));
  const providers = decoded.flatMap((ofFile) => ofFile ?? []);
  const rules = { serviceAccountTokens: options.kubeletMinor >= 34, ...options };
  const readable = providers.filter(({ isReadable }) => isReadable);
  reportDuplicateNames(readable, report);
  for (const provider of readable) validateProvider(provider, rules, report);
  // An unreadable file may hold the provider, so nothing is reported as missing.
  if (decoded.every((ofFile) => ofFile !== undefined)) {
    const top = { file: read.length === 1 ? String(read[0]?.path) : "", path: "providers" };
    if (providers.length === 0) report("providers-missing", top, "there is no provider");
    lintProviders(providers, top, report);
  }
  return findings;
}

/**
 * Reads what `explainMatch` needs from a configuration: the providers, in the order of the files.
 *
 * @throws {KubeletConfigError} `kubelet-minor-unsupported`
 */
export function readProviders(
  files: readonly ConfigFile[],
  options: { readonly kubeletMinor: number; readonly directory?: boolean },
): Provider[] {
  assertKubeletMinor(options.kubeletMinor);
  const read = filesToRead(files, options.directory);
  return read.flatMap((file) => decodeConfig(file, options.kubeletMinor, () => {}) ?? []);
}

/** From a directory, the files with these endings, sorted by their bytes; a single file is read under any name. */
function filesToRead(files: readonly ConfigFile[], directory = files.length !== 1): readonly ConfigFile[] {
  if (!directory) return files;
  return files
    .filter(({ path }) => isConfigName(path))
    .toSorted((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
}

function reportDuplicateNames(providers: readonly Provider[], report: Report): void {
  const seen = new Map<string, string>();
  for (const { name, at } of providers) {
    const place = at("name");
    const earlier = seen.get(name);
    if (earlier === undefined) seen.set(name, `${place.file} ${place.path}`);
    else report("provider-name-duplicate", place, `${quote(name)} is already at ${earlier}`);
  }
}
