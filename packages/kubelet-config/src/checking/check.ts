/**
 * The kubelet's start, played through: which files it reads, in which order, what of them it refuses, and, beyond the
 * kubelet, what it takes and then ignores. Reads no file itself: text in, findings out.
 */

import { createReport, type Finding, quote, type Report } from "../finding.ts";
import { assertKubeletMinor } from "../minor.ts";
import { type ConfigFile, decodeConfig, type Provider } from "../reading/decode.ts";
import { lintProviders } from "./lint.ts";
import { validateProvider } from "./validate.ts";

export interface CheckOptions {
  /** 31 for Kubernetes 1.31; of minors newer than are known here the newest rules apply. */
  readonly kubeletMinor: number;
  /** Whether the bin directory has an executable file of this name. Asked for valid names only. */
  readonly hasExecutable: (name: string) => boolean;
  /** The kubelet's flag names a directory. Default: when there is not exactly one file. */
  readonly directory?: boolean;
  /** The gate KubeletServiceAccountTokenForCredentialProviders. Default: on since 1.34. */
  readonly serviceAccountTokens?: boolean;
}

/** The first minor that takes a directory (Kubernetes PR 131658). */
const DIRECTORY_MINOR = 34;

/**
 * @returns in the order of the files; empty when all is well. The kubelet starts if none is fatal.
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
  reportDuplicateNames(providers, report);
  for (const provider of providers) validateProvider(provider, rules, report);
  // Of a file that could not be read nothing is known, so nothing is missing either.
  if (decoded.every((ofFile) => ofFile !== undefined)) {
    const top = { file: read.length === 1 ? String(read[0]?.path) : "", path: "providers" };
    if (providers.length === 0) report("providers-missing", top, "there is no provider");
    lintProviders(providers, top, report);
  }
  return findings;
}

/**
 * What `explainMatch` needs of a configuration: the providers in the order of the files, as far as they can be read.
 *
 * @throws {KubeletConfigError} `kubelet-minor-unsupported`
 */
export function readProviders(
  files: readonly ConfigFile[],
  options: { readonly kubeletMinor: number; readonly directory?: boolean },
): { name: string; matchImages: string[] }[] {
  assertKubeletMinor(options.kubeletMinor);
  const directory = options.directory ?? files.length !== 1;
  return filesToRead(files, directory)
    .flatMap((file) => decodeConfig(file, options.kubeletMinor, () => {}) ?? [])
    .map(({ name, matchImages }) => ({
      name: name.value ?? "",
      matchImages: (matchImages.value ?? []).map(({ value }) => value),
    }));
}

/** Of a directory the files with these endings, sorted by their bytes; a single file whatever its name. */
function filesToRead(files: readonly ConfigFile[], directory: boolean): readonly ConfigFile[] {
  if (!directory) return files;
  return files
    .filter(({ path }) => /\.(?:json|ya?ml)$/.test(path))
    .toSorted((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
}

function reportDuplicateNames(providers: readonly Provider[], report: Report): void {
  const seen = new Map<string, string>();
  for (const { name } of providers) {
    if (name.value === undefined) continue;
    const earlier = seen.get(name.value);
    if (earlier === undefined) seen.set(name.value, `${name.place.file} ${name.place.path}`);
    else report("provider-name-duplicate", name.place, `${quote(name.value)} is already at ${earlier}`);
  }
}
