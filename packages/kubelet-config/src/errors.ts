/** The package's one error: a caller's request that cannot be carried out. What is wrong with a file is a finding. */

export type KubeletConfigErrorCode =
  /** The kubelet's minor is older than 1.26, or not a number. */
  | "kubelet-minor-unsupported"
  /** The text is no CredentialProviderConfig, or cannot be changed without breaking it. */
  | "config-not-editable"
  /** What came out would stop the kubelet, because of something that is not ours. */
  | "config-refused";

export class KubeletConfigError extends Error {
  readonly code: KubeletConfigErrorCode;
  /** The same text would fail the same way. */
  readonly retryable = false;

  constructor(code: KubeletConfigErrorCode, message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options);
    this.name = "KubeletConfigError";
    this.code = code;
  }
}
