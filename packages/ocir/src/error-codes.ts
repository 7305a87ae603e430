/** The codes of the registry, and of an image's name. */
import { CLOCK_SKEW, clientError, type ErrorRow, NEXT, permanent, transient } from "@ocir-broker/errors/error-row";

export const OCIR_ERRORS = {
  "clock-skew": CLOCK_SKEW,
  "image-invalid": clientError("the image's name is invalid", "check the pod's image name"),
  "registry-forbidden": permanent(
    "the registry refused this instance",
    "check that the tenancy is subscribed to the registry's region",
  ),
  "registry-redirected": permanent("the registry's token endpoint redirects the request", NEXT.changingProxy),
  "registry-refused": permanent("the registry refused the request", NEXT.journal),
  "registry-response-invalid": transient("the registry's response contains no valid token", NEXT.changingProxy),
  "registry-status-unexpected": transient("the registry returned an unexpected status", NEXT.changingProxy),
  "registry-throttled": transient("the registry rate-limits requests", NEXT.wait),
  "registry-unauthorized": transient("the registry did not accept this instance's session", NEXT.clock),
  "registry-unavailable": transient("the registry returned a server error", NEXT.outage),
  "token-anonymous": permanent(
    "the registry's token is anonymous, because something removes the Authorization header",
    "exempt the registry from the proxy (proxy.noProxy), or make the proxy forward the header",
  ),
  "token-expired": transient("the token had already expired when it arrived", NEXT.clock),
} as const satisfies Record<string, ErrorRow>;

export type OcirErrorCode = keyof typeof OCIR_ERRORS;
