/**
 * The health socket's routes: `/livez`, `/readyz`, `/healthz`, `/status`, `/metrics`, and `/`,
 * which lists them.
 *
 * Each body is rendered at most once a second, and after a reload; connections are limited and requests queued, so that busy clients cannot
 * starve pulls. health.ts and metrics.ts decide what is shown.
 */

import { codeOf } from "@ocir-broker/errors/describe-error";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { createLimiter } from "@ocir-broker/foundation/time/limiter";
import { type BoundedServer, createBoundedServer, type RequestHandler } from "@ocir-broker/http-server/bounded-server";
import { errorResponseOf, refusalOf } from "@ocir-broker/http-server/error-response";
import { type HttpResponse, jsonResponse, METRICS_TYPE, textResponse } from "@ocir-broker/http-server/http-response";
import { remembered } from "@ocir-broker/http-server/remembered";
import type { Health } from "../health/health.ts";

/** A refused client retries at once and costs more than a waiting one, so more than 200 may wait. */
const MAX_CONNECTIONS = 256;

const LIMITS = {
  headersMs: 2_000,
  requestMs: 3_000,
  silenceMs: 5_000,
  // No route needs a body.
  maxBodyBytes: 1_024,
  maxConnections: MAX_CONNECTIONS,
};

/** 400 responses a second take about 3 % of the event loop; a credentials request waits for at most four of them, 0.3 ms. */
const RATE = { burst: 4, spacingMs: 2.5, maxQueued: MAX_CONNECTIONS };

const PATHS = `/livez    200 while the daemon runs
/readyz   200 while it can serve a token
/healthz  for people: state, ages, expiry
/status   every detail
/metrics  Prometheus
`;

export interface HealthServerOptions {
  readonly clock: Clock;
  readonly health: Health;
  readonly renderMetrics: () => Promise<string>;
  readonly onFailed: (code: string) => void;
}

export function createHealthServer({ clock, health, renderMetrics, onFailed }: HealthServerOptions): BoundedServer {
  const routes = new Map<string, () => Promise<HttpResponse>>([
    ["/", async () => textResponse(200, PATHS)],
    // Any response proves that the process is alive; upstreams do not matter.
    ["/livez", async () => textResponse(200, "ok\n")],
    [
      "/readyz",
      remembered(clock, async () =>
        health.isServing() ? textResponse(200, "ready\n") : textResponse(503, "not ready\n"),
      ),
    ],
    ["/healthz", remembered(clock, async () => jsonResponse(health.isServing() ? 200 : 503, health.summary()))],
    ["/status", remembered(clock, async () => jsonResponse(200, health.details()), health.config)],
    [
      "/metrics",
      remembered(clock, async () => ({ ...textResponse(200, await renderMetrics()), contentType: METRICS_TYPE })),
    ],
  ]);

  const serve: RequestHandler = async ({ method, target }, respond) => {
    const render = routes.get(target.split("?", 1)[0] ?? "");
    if (render === undefined) return respond(refusalOf("not-found"));
    if (method !== "GET" && method !== "HEAD")
      return respond({ ...refusalOf("method-not-allowed"), allow: "GET, HEAD" });
    try {
      respond(await render());
    } catch (error) {
      onFailed(codeOf(error));
      respond(errorResponseOf(error));
    }
  };

  return createBoundedServer({ ...LIMITS, limiter: createLimiter({ clock, ...RATE }) }, clock, serve);
}
