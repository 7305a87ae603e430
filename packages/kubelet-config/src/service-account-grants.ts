/**
 * Texts of the rights that service accounts need: RBAC, so that the kubelet gets tokens for the audience (KEP-4412), and the policy of
 * OKE Workload Identity (Oracle's "Granting Workloads Access to OCI Resources").
 */

import { renderText } from "./merging/render.ts";

const RBAC_GROUP = "rbac.authorization.k8s.io";
const NAME = "ocir-broker-service-account-audience";

/** Two documents of YAML: every kubelet may request tokens for this audience and no other. */
export function audienceRbac(audience: string): string {
  return `apiVersion: ${RBAC_GROUP}/v1
kind: ClusterRole
metadata:
  name: ${NAME}
rules:
  - apiGroups:
      - ""
    resources:
      - ${renderText(audience)}
    verbs:
      - request-serviceaccounts-token-audience
---
apiVersion: ${RBAC_GROUP}/v1
kind: ClusterRoleBinding
metadata:
  name: ${NAME}
roleRef:
  apiGroup: ${RBAC_GROUP}
  kind: ClusterRole
  name: ${NAME}
subjects:
  - apiGroup: ${RBAC_GROUP}
    kind: Group
    name: "system:nodes"
`;
}

export interface ServiceAccountPolicy {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** OCID of the cluster. */
  readonly cluster: string;
  readonly compartment: string;
}

export function serviceAccountPolicy({
  namespace,
  serviceAccount,
  cluster,
  compartment,
}: ServiceAccountPolicy): string {
  const conditions = [
    "request.principal.type = 'workload'",
    `request.principal.namespace = '${namespace}'`,
    `request.principal.service_account = '${serviceAccount}'`,
    `request.principal.cluster_id = '${cluster}'`,
  ];
  return `Allow any-user to read repos in compartment ${compartment} where all {${conditions.join(", ")}}\n`;
}
