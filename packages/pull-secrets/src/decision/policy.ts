/** The policy statement that pulls need, for each identity. An administrator replaces the words in capitals. */
import { serviceAccountPolicy } from "@ocir-broker/ocir/service-account-policy";
import { type PullSecret, serviceAccountOf } from "../objects/pull-secret.ts";
import type { Settings } from "../settings.ts";

/** The controller's, by its chart. */
const OWN_ACCOUNT = "ocir-pull-secrets";

export function policyOf(
  { identity, namespace }: Pick<Settings, "identity" | "namespace">,
  resource: PullSecret,
): string {
  if (identity.kind === "controller") {
    if (identity.principal === "instance") return statementFor("dynamic-group");
    return workloadStatement(namespace, OWN_ACCOUNT);
  }
  // An identity domain maps the service account to a service user.
  if (identity.exchange.kind === "identity-domain") return statementFor("group");
  return workloadStatement(resource.namespace, serviceAccountOf(resource));
}

function workloadStatement(namespace: string, serviceAccount: string): string {
  const places = { cluster: "CLUSTER_OCID", compartment: "COMPARTMENT" };
  return serviceAccountPolicy({ namespace, serviceAccount, ...places }).trim();
}

function statementFor(kind: "group" | "dynamic-group"): string {
  return `Allow ${kind} GROUP to read repos in compartment COMPARTMENT`;
}
