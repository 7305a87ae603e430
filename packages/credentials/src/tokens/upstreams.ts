/** Senders for requests to upstreams: one for the metadata service, which never uses a proxy, and one for all others. */

import { durationMs } from "@ocir-broker/config/duration";
import type { Config } from "@ocir-broker/config/schema";
import {
  type ConnectionLimits,
  createDirectDispatcher,
  createUpstreamDispatcher,
} from "@ocir-broker/foundation/dispatcher";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { readTrustedCertificates } from "@ocir-broker/foundation/trusted-certificates";
import { createSendRequest, observed, type SendRequest } from "@ocir-broker/foundation/upstream";

export const UPSTREAM_RESULTS = ["2xx", "3xx", "4xx", "401", "403", "404", "429", "5xx", "failed"] as const;
/** A response's status or its class; "failed" without a response. */
export type UpstreamResult = (typeof UPSTREAM_RESULTS)[number];

/** Statuses with a label value of their own. */
const SIGNIFICANT: Readonly<Record<number, UpstreamResult>> = { 401: "401", 403: "403", 404: "404", 429: "429" };

/** As many as background probes run at a time (repository-access.ts). */
const MAX_CONNECTIONS = 8;

export function createUpstreams(options: {
  config: Pick<Config, "upstream" | "proxy">;
  environment: NodeJS.ProcessEnv;
  clock: Clock;
}) {
  const { config, environment, clock } = options;
  const totalMs = durationMs(config.upstream.timeout);
  const limits = connectionLimits(config.upstream, MAX_CONNECTIONS);
  const direct = createDirectDispatcher({ ...limits, maxConnectionsPerOrigin: 1 });
  const caCertificates = readTrustedCertificates(environment, config.upstream.caFile);
  const outside = createUpstreamDispatcher({ ...limits, caCertificates, proxy: config.proxy });
  return {
    sendMetadata: createSendRequest({ dispatcher: direct, clock, totalMs }),
    send: createSendRequest({ dispatcher: outside, clock, totalMs }),
    /** False if `upstream.caFile` contains no certificate, so that every TLS connection fails. */
    hasTrust: caCertificates.length > 0,
    async close(): Promise<void> {
      await Promise.all([direct.destroy(), outside.destroy()]);
    },
  };
}

/** No part of a request may take longer than all of it. */
export function connectionLimits(upstream: Config["upstream"], maxConnectionsPerOrigin: number): ConnectionLimits {
  const totalMs = durationMs(upstream.timeout);
  const connectMs = Math.min(durationMs(upstream.connectTimeout), totalMs);
  return { connectMs, headersMs: totalMs, bodyMs: totalMs, maxConnectionsPerOrigin };
}

export function instrumented(
  send: SendRequest,
  clock: Clock,
  onAnswered: (result: UpstreamResult, elapsedMs: number) => void,
): SendRequest {
  return observed(send, clock, (_request, end, elapsedMs) =>
    onAnswered("response" in end ? upstreamResult(end.response.status) : "failed", elapsedMs),
  );
}

/** Converts a status to a label value: significant ones by number, others by their class. */
function upstreamResult(status: number): UpstreamResult {
  if (status >= 500) return "5xx";
  if (status >= 400) return SIGNIFICANT[status] ?? "4xx";
  return status >= 300 ? "3xx" : "2xx";
}
