/** Errors of a kubelet's or a docker client's request. */
import { NEXT, type RequestErrorText } from "./error-text.ts";

export const PROTOCOL_ERRORS = {
  "api-version-unsupported": {
    status: 400,
    what: "the request's apiVersion is not supported",
    next: NEXT.kubeletConfig,
  },
  "registry-host-invalid": {
    status: 400,
    what: "the kubelet cannot use credentials for this registry host",
    next: "name the registry by its DNS name",
  },
  "request-invalid": { status: 400, what: "the request is not a CredentialProviderRequest", next: NEXT.kubeletConfig },
  "request-not-json": { status: 400, what: "the request is not JSON", next: NEXT.kubeletConfig },
  "request-too-large": {
    status: 413,
    what: "the request is larger than 256 KiB",
    next: NEXT.kubeletConfig,
  },
  "response-too-large": { status: 500, what: "the response would be too large", next: NEXT.journal },
  "service-account-token-invalid": {
    status: 400,
    what: "the service-account token is not a JSON Web Token of at most 16 KiB",
    next: NEXT.kubeletConfig,
  },
  "server-url-invalid": {
    status: 400,
    what: "the server URL is not a registry host",
    next: "check credHelpers in the client's configuration",
  },
} as const satisfies Record<string, RequestErrorText>;

export type ProtocolErrorCode = keyof typeof PROTOCOL_ERRORS;
