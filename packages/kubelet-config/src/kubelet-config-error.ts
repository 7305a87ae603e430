/** The package's one error: a caller's request cannot be carried out. A mistake in a file is a finding, not an error. */
import { OwnError } from "@ocir-broker/errors/describe-error";
import type { ErrorText } from "@ocir-broker/errors/error-text";

export const KUBELET_CONFIG_ERRORS = {
  "config-not-editable": {
    what: "it is not a CredentialProviderConfig, or cannot be changed without breaking it",
    next: "correct the file by hand",
  },
  "config-refused": {
    what: "the result would stop the kubelet, because of an entry that is not ours",
    next: "correct that entry first",
  },
  "service-accounts-unsupported": {
    what: "this kubelet sends no service-account tokens",
    next: "use Kubernetes 1.34 or newer, or 1.33 with its feature gate",
  },
  "kubelet-minor-unsupported": {
    what: "this release does not know the kubelet's version",
    next: "name one that this release knows",
  },
} as const satisfies Record<string, ErrorText>;

export type KubeletConfigErrorCode = keyof typeof KUBELET_CONFIG_ERRORS;

/** The message states what exactly is wrong, and what to do next. */
export class KubeletConfigError extends OwnError<KubeletConfigErrorCode> {
  override readonly name = "KubeletConfigError";

  constructor(code: KubeletConfigErrorCode, message: string, options?: ErrorOptions) {
    super(code, `${code}: ${message}; ${KUBELET_CONFIG_ERRORS[code].next}`, options);
  }
}
