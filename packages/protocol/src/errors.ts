/** The package's one error. Its messages are a closed table: nothing of a request or an answer enters them. */

import { API_VERSIONS } from "./contract.ts";

const MESSAGES = {
  "api-version-unsupported": `apiVersion is none of ${API_VERSIONS.join(", ")}`,
  "registry-host-invalid": "the kubelet cannot match a credentials key with this registry host",
  "request-invalid": "the body is not a CredentialProviderRequest with kind, apiVersion and image",
  "request-not-json": "the body is not one JSON document in UTF-8",
  "request-too-large": "the body is larger than 256 KiB",
  "response-too-large": "the answer would be larger than 64 KiB",
  "server-url-invalid": "the body is not one registry host or https URL",
} as const;

export type ProtocolErrorCode = keyof typeof MESSAGES;

export class ProtocolError extends Error {
  readonly code: ProtocolErrorCode;
  /** The same bytes would fail the same way. */
  readonly retryable = false;

  constructor(code: ProtocolErrorCode, options?: ErrorOptions) {
    super(`${code}: ${MESSAGES[code]}`, options);
    this.name = "ProtocolError";
    this.code = code;
  }
}
