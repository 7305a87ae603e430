/** The administrator's rules, from the chart's values: names, hosts, namespaces, and the policy statement of the identity. */
import { REALM_DOMAINS } from "@ocir-broker/identity/realm-domains";
import { createHostRules } from "@ocir-broker/ocir/host-rules";
import { serviceAccountPolicy } from "@ocir-broker/ocir/service-account-policy";
import type { Failure } from "../objects/failure.ts";
import { type PullSecret, serviceAccountOf } from "../objects/pull-secret.ts";
import type { Settings } from "../settings.ts";

export interface Rules {
  /** Names that service accounts may have. Resources of other names are not watched. */
  readonly names: ReadonlySet<string>;
  readonly identity:
    | { readonly kind: "service-account" }
    /** One principal for all resources, in these namespaces and those that are selected only. */
    | { readonly kind: "controller"; readonly namespaces: ReadonlySet<string> };
  /** Whether the namespace has the labels of the chart's selector. */
  isSelected(namespace: string): boolean;
  isRegistry(host: string): boolean;
  /** The policy statement that pulls with the resource's Secret need. An administrator replaces the words in capitals. */
  policyOf(resource: PullSecret): string;
}

/** @throws {TypeError} for an extra host that no image can name. */
export function rulesOf(
  settings: Pick<Settings, "names" | "extraHosts" | "identity" | "namespace">,
  { isSelected }: Pick<Rules, "isSelected">,
): Rules {
  const { names, extraHosts, identity } = settings;
  const isRegistry = createHostRules({ realmDomains: REALM_DOMAINS, extraHosts });
  return { names, identity, isSelected, isRegistry, policyOf: (resource) => policyOf(settings, resource) };
}

/** Undefined if the resource is allowed. */
export function refusalOf(
  resource: PullSecret,
  { names, identity, isSelected, isRegistry }: Rules,
): Failure | undefined {
  const { namespace, serviceAccountName } = resource;
  if (identity.kind === "controller") {
    if (!identity.namespaces.has(namespace) && !isSelected(namespace))
      return { code: "namespace-not-allowed", place: namespace };
    if (serviceAccountName !== undefined) return { code: "service-account-not-used", place: serviceAccountName };
  } else if (!names.has(serviceAccountOf(resource))) {
    return { code: "name-not-allowed", place: serviceAccountOf(resource) };
  }
  const foreign = resource.registries.find((host) => !isRegistry(host));
  return foreign === undefined ? undefined : { code: "registry-foreign", place: foreign };
}

function policyOf({ identity, namespace }: Pick<Settings, "identity" | "namespace">, resource: PullSecret): string {
  if (identity.kind === "controller") {
    if (identity.principal === "instance") return statementFor("dynamic-group");
    return workloadStatement(namespace, identity.serviceAccount);
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
