/** Whether a request failed at the proxy, before it reached a service. */
import { UpstreamError } from "@ocir-broker/foundation/upstream";

/** The proxy's failure in an error or its causes. */
export function proxyFailureIn(error: unknown): UpstreamError | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof UpstreamError && error.code.startsWith("proxy-")) return error;
  return proxyFailureIn(error.cause);
}
