/**
 * Records the requests to metadata service, auth service and registry with their responses, in memory while doctor runs, as
 * evidence for findings.
 */
import type { UpstreamErrorCode } from "@ocir-broker/foundation/error-codes";
import { requestIdIn } from "@ocir-broker/foundation/fetch-error";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { observed, type SendRequest, UpstreamError, type UpstreamResponse } from "@ocir-broker/foundation/upstream";

export type ServiceName = "metadata" | "auth" | "registry";

export interface RecordedRequest {
  readonly service: ServiceName;
  readonly method: string;
  readonly url: URL;
  readonly elapsedMs: number;
  readonly response?: UpstreamResponse;
  readonly failure?: UpstreamErrorCode;
}

export function recorded(
  send: SendRequest,
  service: ServiceName,
  clock: Clock,
  requests: RecordedRequest[],
): SendRequest {
  return observed(send, clock, ({ method, url }, end, elapsedMs) => {
    const made = { service, method, url, elapsedMs };
    if ("response" in end) requests.push({ ...made, response: end.response });
    else if (end.error instanceof UpstreamError) requests.push({ ...made, failure: end.error.code });
  });
}

/** A document of the metadata service as last received, whatever its version: PEM, and empty without a response. */
export function receivedPem(requests: readonly RecordedRequest[], path: `/identity/${string}`): string | Buffer {
  return requests.findLast(({ url }) => url.pathname.endsWith(path))?.response?.body ?? "";
}

/** `GET /opc/v2/identity/cert.pem: 404 in 12 ms` */
export function describeRequest({ method, url, elapsedMs, response, failure }: RecordedRequest): string {
  const id = response && response.status >= 400 ? requestIdIn(response) : "";
  const said = `${method} ${url.host}${url.pathname}: ${response?.status ?? failure} in ${Math.round(elapsedMs)} ms`;
  return id === "" ? said : `${said}, ${id}`;
}
