/** Signs requests to OCI services with one session, which cannot change underneath (draft-cavage-http-signatures-08). */
import type { SigningSession } from "./provider.ts";

/**
 * The headers to send, `host` among them: `Authorization` covers `x-date`, `(request-target)` and `host`.
 * `wallMs` is the time of signing in epoch milliseconds; OCI answers 401 when it is more than 5 minutes off.
 */
export async function signRequest(
  session: SigningSession,
  request: { readonly method: "GET" | "HEAD"; readonly url: URL },
  wallMs: number,
): Promise<Record<string, string>> {
  const { signWithSession } = await import("./oci-sdk/oci-sdk.ts");
  return signWithSession(session.keyId.reveal(), session.privateKey, request, wallMs);
}
