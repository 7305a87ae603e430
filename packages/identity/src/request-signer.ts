/** Signs requests to OCI services with one immutable session (draft-cavage-http-signatures-08). */
import type { SigningSession } from "./identity-provider.ts";

/**
 * Returns the headers to send, including `host`: `Authorization` covers `x-date`, `(request-target)` and `host`. `wallMs` is the
 * time of signing in epoch milliseconds; OCI answers 401 if it is more than 5 minutes off.
 */
export async function signRequest(
  session: SigningSession,
  request: { readonly method: "GET" | "HEAD"; readonly url: URL },
  wallMs: number,
): Promise<Record<string, string>> {
  const { signWithSession } = await import("./oci-sdk/oci-sdk.ts");
  return signWithSession(session, request, wallMs);
}
