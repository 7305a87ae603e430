/** The controller's own codes. A condition of an OCIRPullSecret has the code in camel case as its reason. */
import { type ErrorRow, permanent, transient } from "@ocir-broker/errors/error-row";

const NAMES = "add it to names in the values of the chart ocir-pull-secrets";

export const PULL_SECRET_ERRORS = {
  "api-server-failed": transient("the API server returned an unexpected response", "see the controller's log"),
  "name-not-allowed": permanent("the controller has no rights for this name", NAMES),
  "namespace-not-allowed": permanent(
    "this namespace may not use the controller's identity",
    "add it to identity.namespaces, or label it for identity.namespaceSelector, in the values of the chart ocir-pull-secrets",
  ),
  "secret-conflict": permanent(
    "another Secret has this name, or another field manager has changed this one",
    "delete that Secret, or give the resource another name that the chart allows",
  ),
  "secret-refused": permanent(
    "the API server refuses the Secret",
    "the controller's log has the reason, such as a quota or an admission policy",
  ),
  "secret-too-large": permanent(
    "the tokens do not fit into a Secret, which holds 1 MiB",
    "name fewer registries in one resource",
  ),
  "service-account-missing": permanent(
    "the namespace has no service account of this name",
    "create it: kubectl create serviceaccount NAME -n NAMESPACE",
  ),
  "service-account-not-used": permanent(
    "the controller uses its own identity, so no service account can be named",
    "remove spec.serviceAccountName",
  ),
  "token-request-refused": permanent("the API server refuses to issue a token for the service account", NAMES),
} as const satisfies Record<string, ErrorRow>;

export type PullSecretErrorCode = keyof typeof PULL_SECRET_ERRORS;
