/** Whether a kubelet that starts now starts with these files, and then calls our credential provider. */
import { checkCredentialProviderConfig } from "@ocir-broker/kubelet-config/checking/check";
import { NEWEST_MINOR, OLDEST_MINOR } from "@ocir-broker/kubelet-config/rules";
import type { KubeletFiles, KubeletLack } from "@ocir-broker/protocol/node-result";
import { pathErrorOf, readCredentialProviderFiles } from "./credential-provider-files.ts";
import type { NodeFiles } from "./node-files.ts";

/** @param minor the kubelet's; undefined: the newest rules. @returns undefined if nothing is wrong. */
export function lackOf(
  { config, binDir }: KubeletFiles,
  files: NodeFiles,
  minor: number = NEWEST_MINOR,
): KubeletLack | undefined {
  const read = readCredentialProviderFiles(files, config);
  if (read.failure === "ENOENT") return { kind: "file" };
  const distrusted = pathErrorOf(config, files);
  if (distrusted !== undefined) return { kind: "unclear", reason: distrusted };
  if (read.failure !== undefined) return { kind: "error", reason: read.failure };
  const found = checkCredentialProviderConfig(read.files, {
    kubeletMinor: Math.max(minor, OLDEST_MINOR),
    directory: read.directory,
    hasExecutable: (name) => files.isExecutable(`${binDir}/${name}`),
  });
  const fatal = found.find(({ severity }) => severity === "fatal");
  const error = fatal ?? found.find(({ severity }) => severity === "unknown");
  if (error !== undefined)
    return { kind: fatal ? "error" : "unclear", reason: `${error.code}: ${error.message}; ${error.fix}` };
  return found.some(({ code }) => code === "provider-missing") ? { kind: "entry" } : undefined;
}
