/** The RBAC with which the kubelet gets service-account tokens for the audience (KEP-4412). */

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
