/** Signs requests to OCI services with one immutable session (draft-cavage-http-signatures-08). */
import type { signWithSession } from "./oci-sdk/oci-sdk.ts";

/**
 * Returns the headers to send, including `host`: `Authorization` covers `x-date`, `(request-target)` and `host`. `wallMs` is the
 * time of signing in epoch milliseconds; OCI answers 401 if it is more than 5 minutes off.
 */
export const signRequest: typeof signWithSession = async (session, request, wallMs) => {
  const sdk = await import("./oci-sdk/oci-sdk.ts");
  return sdk.signWithSession(session, request, wallMs);
};
