/** Errors of the registry, and of an image's name. */
import { CLOCK_SKEW, type FetchErrorText, NEXT, permanent, transient } from "./error-text.ts";

export const OCIR_ERRORS = {
  "clock-skew": CLOCK_SKEW,
  "image-invalid": permanent("the image's name is invalid", "check the pod's image name", 400),
  "registry-forbidden": permanent(
    "the registry refused this instance",
    "check that the host is a registry of a region that the tenancy is subscribed to",
  ),
  "registry-redirected": permanent("the registry's token endpoint redirects the request", NEXT.changingProxy),
  "registry-refused": permanent("the registry refused the request", NEXT.journal),
  "registry-response-invalid": transient("the registry's response contains no valid token", NEXT.changingProxy),
  "registry-status-unexpected": transient("the registry returned an unexpected status", NEXT.changingProxy),
  "registry-throttled": transient("the registry rate-limits requests", NEXT.wait, 503),
  "registry-unauthorized": transient("the registry did not accept this instance's session", NEXT.clock),
  "registry-unavailable": transient("the registry returned a server error", NEXT.outage, 503),
  "token-anonymous": permanent(
    "the registry's token is anonymous: something removes the request's Authorization header",
    "exempt the registry from the proxy (proxy.noProxy), or make the proxy forward the header",
  ),
  "token-expired": transient("the token had already expired when it arrived", NEXT.clock),
} as const satisfies Record<string, FetchErrorText>;

export type OcirErrorCode = keyof typeof OCIR_ERRORS;
