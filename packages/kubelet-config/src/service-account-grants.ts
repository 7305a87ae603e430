/** The audience of the kubelet's service-account tokens, and the RBAC with which it gets them (KEP-4412). */

import { renderText } from "./merging/render.ts";

const RBAC_GROUP = "rbac.authorization.k8s.io";
const NAME = "ocir-broker-service-account-audience";

/** Refuses what a shell reads otherwise, and a text that begins with `-`, which is an option whose value was forgotten. */
export function isAudience(text: string): boolean {
  return /^(?!-)[^\s"'`\\]+$/.test(text);
}

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
