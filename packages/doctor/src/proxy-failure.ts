/** Whether a request failed at the proxy, before it reached a service. */
import { UpstreamError } from "@ocir-broker/foundation/upstream";
import { type Finding, notChecked } from "./finding.ts";

/** The finding about a check that failed because of the proxy, which checks/proxy.ts reports. Undefined for another error. */
export function notCheckedByProxy(what: string, error: unknown): Finding | undefined {
  return proxyFailureIn(error) && notChecked(what, "proxy-unreachable", "it needs the proxy");
}

export function proxyFailureIn(error: unknown): UpstreamError | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof UpstreamError && error.code.startsWith("proxy-")) return error;
  return proxyFailureIn(error.cause);
}
