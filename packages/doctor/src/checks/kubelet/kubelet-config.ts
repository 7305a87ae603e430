/**
 * Checks the credential provider configuration by the rules of the node's kubelet, and whether that kubelet calls our credential
 * provider for the image.
 */
import { join } from "node:path";
import { checkCredentialProviderConfig, readProviders } from "@ocir-broker/kubelet-config/checking/check";
import { explainMatch, matchesImage, mismatchOf } from "@ocir-broker/kubelet-config/matching/match";
import { NEWEST_MINOR, OLDEST_MINOR } from "@ocir-broker/kubelet-config/rules";
import type { CredentialProviderFiles } from "@ocir-broker/node/credential-provider-files";
import { readKubeletUnit, unitFlags } from "@ocir-broker/node/kubelet-unit";
import { isOurPlugin, MATCH_IMAGES, PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import type { Check, CheckContext } from "../../check-context.ts";
import { connectAdvice } from "../../connect-advice.ts";
import { DIAGNOSES } from "../../diagnoses.ts";
import { type Finding, finding, kubeletConfigFinding } from "../../finding.ts";
import { notCheckedByFlags, UNIT_FLAGS } from "./kubelet-flags.ts";

export const checkKubeletConfig: Check = async (context) => {
  const [kubelet, provider] = await Promise.all([context.kubelet(), context.credentialProviderFiles()]);
  if (kubelet === undefined || provider === undefined)
    return notCheckedByFlags("the credential provider configuration", context);
  if (provider.distrusted !== undefined) return finding("path-untrusted", `${provider.path}: ${provider.distrusted}`);
  const connect = connectAdvice(context.files);
  if (provider.failure !== undefined) {
    const evidence = `${provider.path}: ${provider.failure}`;
    if (provider.failure === "EACCES") return finding("needs-root", evidence);
    return finding("kubelet-config-missing", evidence, connect ?? fixWithoutBroker(context));
  }
  // The rules of the newest minor apply if the kubelet's version is unknown.
  const kubeletMinor = Math.max(kubelet.minor ?? NEWEST_MINOR, OLDEST_MINOR);
  const { binDir } = kubelet;
  const canLook = binDir !== undefined && context.files.distrust(binDir) === undefined;
  const found = checkCredentialProviderConfig(provider.files, {
    kubeletMinor,
    directory: provider.directory,
    hasExecutable: (name) => !canLook || context.files.isExecutable(join(binDir, name)),
  });
  const findings = found.map((each) => kubeletConfigFinding(each, connect));
  const good =
    found.length > 0 ? [] : [finding("kubelet-config-ok", `${provider.path}, rules of Kubernetes 1.${kubeletMinor}`)];
  // A file that is not understood may have our credential provider.
  const isUnclear = found.some(({ severity }) => severity === "unknown");
  return [...good, ...findings, ...(isUnclear ? [] : await matchFindings(provider, kubeletMinor, context))];
};

/** After a removal, the running kubelet still has the flags, but usually its unit does not. */
function fixWithoutBroker({ files }: CheckContext): string {
  const { config, binDir } = unitFlags(readKubeletUnit(files));
  const isWithoutFlags = config === undefined && binDir === undefined;
  return isWithoutFlags ? `its unit no longer has the flags: ${DIAGNOSES["kubelet-not-restarted"].fix}` : UNIT_FLAGS;
}

async function matchFindings(
  provider: CredentialProviderFiles,
  kubeletMinor: number,
  { image, imageName, cloud }: CheckContext,
): Promise<Finding[]> {
  if (image === undefined || imageName === undefined) return [];
  if (!(await cloud.isRegistry(imageName.registryHost))) return [];
  const providers = readProviders(provider.files, { kubeletMinor, directory: provider.directory });
  const { repository, run, notRun } = explainMatch(providers, image, { kubeletMinor });
  const at = run.findIndex(({ name }) => isOurPlugin(name));
  const ours = run[at];
  if (ours === undefined) {
    const { matchImages = [] } = notRun.find(({ name }) => isOurPlugin(name)) ?? {};
    const reasons = matchImages.map((pattern) => `"${pattern}": ${mismatchOf(pattern, repository)}`).join("; ");
    const evidence = `${repository}: ${reasons || "no entry for our credential provider"}`;
    return [finding("image-not-matched", evidence, matchFix(imageName.registryHost))];
  }
  const before = run.slice(0, at).map(({ name, matchedBy }) => `${name} (by "${matchedBy}")`);
  const matched = finding("image-match-ok", `${repository}: by "${ours.matchedBy}"`);
  return before.length === 0
    ? [matched]
    : [matched, finding("other-plugin-first", `called first: ${before.join(", ")}`)];
}

function matchFix(registryHost: string): string {
  const isOracles = MATCH_IMAGES.some((pattern) => matchesImage(pattern, `${registryHost}/any`));
  const wanted = [...MATCH_IMAGES, ...(isOracles ? [] : [registryHost])].map((pattern) => `"${pattern}"`);
  return `set matchImages: [${wanted.join(", ")}] for ${PLUGIN_NAME}, without paths or ports; then systemctl restart kubelet`;
}
