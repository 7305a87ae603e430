/**
 * The package's one error. Its message has the host, the code and a text from this package; never a token, key, certificate,
 * header or body. Its cause, if any, is an UpstreamError.
 */
import {
  CLOCK_SKEW,
  FetchError,
  type FetchErrorOptions,
  type FetchErrorText,
  NEXT,
  permanent,
  transient,
  UPSTREAM_ERRORS,
} from "@ocir-broker/foundation";
import { FILE_IDENTITY_ERRORS } from "./file-identity-errors.ts";

export const IDENTITY_ERRORS = {
  ...FILE_IDENTITY_ERRORS,
  aborted: UPSTREAM_ERRORS.aborted,
  "certificate-expired": transient(
    "the instance certificate is not valid now",
    "check the clock, and reboot the instance if this persists, since OCI renews the certificate several times a day",
  ),
  "certificate-invalid": transient(
    "the instance certificate or its key cannot be used",
    "check that nothing but OCI's metadata service answers at 169.254.169.254, then reboot the instance",
  ),
  "certificate-mismatch": transient(
    "the instance certificate and its key do not match",
    "try again in a minute, since OCI may be replacing it, and reboot the instance if this persists",
    503,
  ),
  "clock-skew": CLOCK_SKEW,
  "federation-invalid": transient("the auth service's answer contains no session", NEXT.changingProxy),
  "federation-name-not-resolved": transient("the auth service's name could not be resolved", NEXT.dns),
  "federation-proxy-refused": transient("the proxy refused to connect to the auth service", NEXT.proxySettings),
  "federation-refused": permanent(
    "the auth service refused this instance",
    "check that the instance is not terminated, moved, or created from an image with another instance's state, then reboot it",
  ),
  "federation-throttled": transient("the auth service is throttling", NEXT.wait, 503),
  "federation-tls": transient("the auth service's certificate is not trusted", NEXT.trust),
  "federation-unauthorized": transient(
    "the auth service does not accept the instance certificate",
    "check the clock, then try again in a few minutes, since OCI may be replacing the certificate",
  ),
  "federation-unavailable": transient("the auth service returned a server error", NEXT.outage, 503),
  "federation-unreachable": transient("the auth service does not answer", NEXT.network, 504),
  "identity-none": permanent(
    "this node has no identity of its own, because identity.provider is none: only service accounts get tokens",
    "set identity.provider, or use a service account",
  ),
  "identity-not-ready": transient(
    "the instance has no certificate yet",
    "wait: OCI issues it within minutes of the first boot, and the broker retries",
    503,
  ),
  "metadata-invalid": transient("the metadata service's answer is invalid", NEXT.changingProxy),
  "metadata-not-found": transient(
    "version 2 of the metadata service is missing",
    "use a platform image that supports /opc/v2, and check that nothing else answers at 169.254.169.254",
  ),
  "metadata-refused": permanent(
    "the metadata service refuses requests, as it does when a proxy adds Forwarded headers or removes Authorization",
    "reach 169.254.169.254 directly from the primary VNIC, without a proxy, and check that this is an OCI instance",
  ),
  "metadata-throttled": transient(
    "the metadata service is throttling",
    "find what else sends so many requests to 169.254.169.254 (ss -tnp dst 169.254.169.254), since the broker sends at most five a second",
    503,
  ),
  "metadata-unavailable": transient("the metadata service returned a server error", NEXT.outage, 503),
  "metadata-unreachable": transient(
    "the metadata service does not answer",
    "check that this is an OCI instance, and that no firewall rule or network policy blocks 169.254.169.254 (iptables -S OUTPUT)",
    504,
  ),
  "region-unknown": permanent(
    "this release does not know the region that the metadata service names",
    "check that this is an OCI instance, or install a newer release of ocir-broker if its region is new",
  ),
  "sdk-failed": transient("the request could not be signed", NEXT.reinstall, 500),
  "tenancy-changed": permanent("this instance's tenancy has changed", "systemctl stop ocir-broker, then start it"),
  "token-key-mismatch": transient("the session is for another key", NEXT.wait),
} as const satisfies Record<string, FetchErrorText>;

export type IdentityErrorCode = keyof typeof IDENTITY_ERRORS;

export class IdentityError extends FetchError<IdentityErrorCode> {
  override readonly name = "IdentityError";
  /** The setting or file at fault, for the codes of {@link FILE_IDENTITY_ERRORS}. One printable line without a value. */
  readonly place: string | undefined;

  constructor(code: IdentityErrorCode, host: string, options?: FetchErrorOptions) {
    super(code, IDENTITY_ERRORS[code], host, options);
    this.place = Object.hasOwn(FILE_IDENTITY_ERRORS, code) ? host : undefined;
  }
}
