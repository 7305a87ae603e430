/** The package's one error: a caller's request cannot be carried out. A fault in a file is a finding, not an error. */

export type KubeletConfigErrorCode =
  /** The kubelet's minor is older than 1.26, or not a number. */
  | "kubelet-minor-unsupported"
  /** The text is not a CredentialProviderConfig, or cannot be changed without breaking it. */
  | "config-not-editable"
  /** The result would stop the kubelet, because of an entry that is not ours. */
  | "config-refused";

export class KubeletConfigError extends Error {
  readonly code: KubeletConfigErrorCode;
  /** Never retryable: the same text fails the same way. */
  readonly retryable = false;

  constructor(code: KubeletConfigErrorCode, message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options);
    this.name = "KubeletConfigError";
    this.code = code;
  }
}
