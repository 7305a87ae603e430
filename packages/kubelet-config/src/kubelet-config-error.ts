/** The package's one error: a caller's request cannot be carried out. A mistake in a file is a finding, not an error. */
import { OwnError } from "@ocir-broker/errors/describe-error";
import { type ErrorRow, permanent } from "@ocir-broker/errors/error-row";

export const KUBELET_CONFIG_ERRORS = {
  "config-not-editable": permanent(
    "it is not a CredentialProviderConfig, or cannot be changed without breaking it",
    "correct the file by hand",
  ),
  "config-refused": permanent(
    "the result would stop the kubelet, because of an entry that is not ours",
    "correct that entry first",
  ),
  "service-accounts-unsupported": permanent(
    "this kubelet sends no service-account tokens",
    "use Kubernetes 1.34 or newer, or 1.33 with its feature gate",
  ),
  "kubelet-minor-unsupported": permanent(
    "this release does not know the kubelet's version",
    "name one that this release knows",
  ),
} as const satisfies Record<string, ErrorRow>;

export type KubeletConfigErrorCode = keyof typeof KUBELET_CONFIG_ERRORS;

/** The message states what exactly is wrong, and what to do next. */
export class KubeletConfigError extends OwnError<KubeletConfigErrorCode> {
  override readonly name = "KubeletConfigError";

  constructor(code: KubeletConfigErrorCode, message: string, options?: ErrorOptions) {
    super(code, KUBELET_CONFIG_ERRORS[code], `${code}: ${message}; ${KUBELET_CONFIG_ERRORS[code].next}`, options);
  }
}
