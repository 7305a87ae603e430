/**
 * Texts of the rights that service accounts need: RBAC, so that the kubelet gets tokens for the audience (KEP-4412), and the policy of
 * OKE Workload Identity (Oracle's "Granting Workloads Access to OCI Resources").
 */

import { field, listOf, mapOf, text } from "./merging/fields.ts";
import { renderLines } from "./merging/render.ts";
import type { Tree } from "./tree.ts";

const RBAC_GROUP = "rbac.authorization.k8s.io";
const NAME = "ocir-broker-service-account-audience";

/** Two documents of YAML: every kubelet may request tokens for this audience and no other. */
export function audienceRbac(audience: string): string {
  const apiVersion = field("apiVersion", text(`${RBAC_GROUP}/v1`));
  const metadata = field("metadata", mapOf([field("name", text(NAME))]));
  const rule = mapOf([
    field("apiGroups", listOf([text("")])),
    field("resources", listOf([text(audience)])),
    field("verbs", listOf([text("request-serviceaccounts-token-audience")])),
  ]);
  const reference = (kind: string, name: string) =>
    mapOf([field("apiGroup", text(RBAC_GROUP)), field("kind", text(kind)), field("name", text(name))]);
  return [
    mapOf([apiVersion, field("kind", text("ClusterRole")), metadata, field("rules", listOf([rule]))]),
    mapOf([
      apiVersion,
      field("kind", text("ClusterRoleBinding")),
      metadata,
      field("roleRef", reference("ClusterRole", NAME)),
      field("subjects", listOf([reference("Group", "system:nodes")])),
    ]),
  ]
    .map(document)
    .join("---\n");
}

export interface WorkloadPolicy {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** OCID of the cluster. */
  readonly cluster: string;
  readonly compartment: string;
}

export function workloadPolicy({ namespace, serviceAccount, cluster, compartment }: WorkloadPolicy): string {
  const conditions = [
    "request.principal.type = 'workload'",
    `request.principal.namespace = '${namespace}'`,
    `request.principal.service_account = '${serviceAccount}'`,
    `request.principal.cluster_id = '${cluster}'`,
  ];
  return `Allow any-user to read repos in compartment ${compartment} where all {${conditions.join(", ")}}\n`;
}

function document(tree: Tree): string {
  return `${renderLines(tree, { indentsLists: true }).join("\n")}\n`;
}
