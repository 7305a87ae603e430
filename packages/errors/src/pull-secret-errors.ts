/** Errors of the controller of pull secrets. A condition of an OCIRPullSecret has the code in camel case as its reason. */
import { type FetchErrorText, permanent, transient } from "./error-text.ts";

const NAMES = "add the name to the value names of the chart ocir-pull-secrets";

export const PULL_SECRET_ERRORS = {
  "api-server-failed": transient("the API server did not answer as expected", "see the log of the controller"),
  "name-not-allowed": permanent("the controller has no rights for this name", NAMES),
  "namespace-not-allowed": permanent(
    "the controller's identity is not for this namespace",
    "add the namespace to the value identity.namespaces of the chart ocir-pull-secrets",
  ),
  "secret-conflict": permanent(
    "there is another Secret of this name, or another manager changes it",
    "delete that Secret, or give this resource another name that the chart allows",
  ),
  "secret-refused": permanent(
    "the API server refuses the Secret",
    "look for a quota or an admission policy of the namespace; the log of the controller has the reason",
  ),
  "service-account-missing": permanent(
    "the namespace has no service account of this name",
    "create it: kubectl create serviceaccount",
  ),
  "service-account-not-used": permanent(
    "the controller uses its own identity, so no service account can be named",
    "remove spec.serviceAccountName",
  ),
  "token-request-refused": permanent("the API server issues no token for the service account", NAMES),
} as const satisfies Record<string, FetchErrorText>;

export type PullSecretErrorCode = keyof typeof PULL_SECRET_ERRORS;
