/**
 * Checks pulls by service account: whether kubelet and broker are both configured for them. Sends no token of a pod;
 * plugin-response.ts does, if doctor is given one, and daemon.ts reports what has failed for other pods.
 */
import { readProviders } from "@ocir-broker/kubelet-config/checking/check";
import { explainMatch } from "@ocir-broker/kubelet-config/matching/match";
import { tokenAttributesIn } from "@ocir-broker/node/credential-provider-files";
import { BROKER_PROGRAM, isOurPlugin, SERVICE_ACCOUNT_PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import type { Check, CheckContext } from "../../check-context.ts";
import { type Finding, finding, notChecked } from "../../finding.ts";
import { quoted } from "../../quoted.ts";
import { notCheckedByFlags } from "../kubelet/kubelet-flags.ts";
import { audienceFinding } from "./audience.ts";

/** KEP-4412 is alpha in 1.33. */
const FIRST_MINOR = 33;

export const checkServiceAccounts: Check = async (context) => {
  const { tokenExchange, select, annotation } = context.config.serviceAccounts;
  const provider = await context.credentialProviderFiles();
  const entries = tokenAttributesIn(provider?.files ?? []);
  if (tokenExchange === "none") {
    if (entries.length === 0) return [];
    // The daemon may still use an earlier file, in which the token exchange is on.
    if (context.configError !== undefined)
      return notChecked("the token exchange", "broker-config-invalid", "it needs a valid configuration");
    return finding("service-accounts-off", "the kubelet's entry has tokenAttributes");
  }
  const minor = (await context.kubelet())?.minor ?? FIRST_MINOR;
  if (minor < FIRST_MINOR) return finding("kubelet-too-old", `Kubernetes 1.${minor}`);
  if (provider === undefined) return notCheckedByFlags("the kubelet's entry for service accounts", context);
  const [first] = entries;
  if (first === undefined)
    return finding("service-accounts-unused", `no entry ${SERVICE_ACCOUNT_PLUGIN_NAME} with tokenAttributes`);
  const wrongAudience = audienceFinding(entries, context);
  if (wrongAudience !== undefined) return wrongAudience;
  if (select === "annotated" && !entries.every(({ annotationKeys }) => annotationKeys.includes(annotation)))
    return finding("service-account-annotation", `no ${annotation} in the annotation keys of tokenAttributes`);
  return context.serviceAccountToken === undefined ? notTried(first.audience) : undefined;
};

/** Only a pod's token shows whether the token exchange accepts it, and what its service account may read. */
function notTried(audience: string): Finding {
  const token = `kubectl create token SERVICE_ACCOUNT --namespace NAMESPACE --audience ${quoted(audience)}`;
  return finding(
    "service-account-not-tried",
    "no service-account token was given",
    `${token} | ssh NODE sudo ${BROKER_PROGRAM} doctor IMAGE --service-account-token -`,
  );
}

/** False if the kubelet may also get the node's credentials for the image, so that the node's rights are known to matter. */
export async function isPulledByServiceAccounts(image: string, context: CheckContext): Promise<boolean> {
  const { tokenExchange, select, fallback } = context.config.serviceAccounts;
  const provider = await context.credentialProviderFiles();
  const isOff = tokenExchange === "none" && context.configError === undefined;
  if (isOff || select !== "all" || fallback === "node" || provider === undefined) return false;
  const kubeletMinor = Math.max((await context.kubelet())?.minor ?? FIRST_MINOR, FIRST_MINOR);
  const providers = readProviders(provider.files, { kubeletMinor, directory: provider.directory });
  const ours = explainMatch(providers, image, { kubeletMinor }).run.filter(({ name }) => isOurPlugin(name));
  return ours.length > 0 && ours.every(({ name }) => name === SERVICE_ACCOUNT_PLUGIN_NAME);
}
