/** Uses the registry token that the plugin got for a service account on the image, to find out whether a policy is missing. */
import { codeOf } from "@ocir-broker/errors/describe-error";
import type { Secret } from "@ocir-broker/foundation/secret";
import { readServiceAccountClaims } from "@ocir-broker/identity/token-exchange/service-account-token";
import { isProbeable } from "@ocir-broker/ocir/access-probe";
import { serviceAccountPolicy } from "@ocir-broker/ocir/service-account-policy";
import type { CheckContext } from "../../check-context.ts";
import { type Finding, finding, notChecked } from "../../finding.ts";
import { probeImage } from "../../image-probe.ts";
import { policyAdvice } from "../../policy-advice.ts";

/** Undefined without an image, and for Oracle's public images, which need no policy. */
export async function serviceAccountAccess(
  serviceAccountToken: Secret,
  registryToken: Secret,
  context: CheckContext,
): Promise<Finding | undefined> {
  const { imageName } = context;
  if (imageName === undefined || !isProbeable(imageName.repository)) return undefined;
  if (context.config.serviceAccounts.fallback === "node")
    return notChecked("the service account's access", "serviceAccounts.fallback: node", "the token may be the node's");
  const { namespace, name } = readServiceAccountClaims(serviceAccountToken);
  const evidence = `service account ${namespace}/${name}, ${imageName.repository}`;
  const access = await probeImage(registryToken, imageName, context);
  if ("error" in access) return finding("access-unclear", `${evidence}: ${codeOf(access.error)}`);
  if (access.value === "working") return finding("access-ok", evidence);
  if (access.value !== "denied") return finding("access-unclear", `${evidence}: no such image`);
  return finding("policy-missing", evidence, adviceFor(namespace, name, context));
}

/** An identity domain exchanges the token for a service user, whose group the policy names. */
function adviceFor(namespace: string, serviceAccount: string, { config, imageName }: CheckContext): string {
  if (config.serviceAccounts.tokenExchange !== "oke") return policyAdvice("user", imageName?.repository ?? "");
  const policy = { namespace, serviceAccount, cluster: "CLUSTER_OCID", compartment: "COMPARTMENT" };
  return `in the tenancy, add the policy statement \`${serviceAccountPolicy(policy).trimEnd()}\``;
}
